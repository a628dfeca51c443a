package universallogout

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// serveCallback is where the provider answers the silent question.
func (h *Handler) serveCallback(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return h.serveBack(w, r, journey.StageHint)
}

// serveReturn is where the browser comes back to after the provider's logout.
func (h *Handler) serveReturn(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return h.serveBack(w, r, journey.StageEnd)
}

// serveBack answers the two addresses that a provider sends the browser to:
// /callback after the silent question, /return after its logout. Whatever
// comes, it ends on the landing page; only what the sealed state of this very
// browser allows does more than that.
func (h *Handler) serveBack(w http.ResponseWriter, r *http.Request, stage string) error {
	// The address has a code or a state in it, and the access log has the
	// address. Our own log tells what came.
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	if r.Method != http.MethodGet || !guard.IsTopLevel(r) {
		w.Header().Set("Allow", http.MethodGet)
		return h.answerError(w, r, http.StatusMethodNotAllowed)
	}
	a, own, q := h.edge, inbound.Origin(r), r.URL.Query()
	st, sealed := a.seals.OpenState(q.Get("state"))
	if sealed && st.Site != own.String() && own == a.run.hub && a.serves(origin.Parse(st.Site)) {
		return pages.Redirect(w, forwarded(st.Site+r.URL.Path, q))
	}
	j, ok := a.seals.OpenMarker(r, own)
	known := ok && sealed && j.IsAbout(st, own)
	anotherTab := sealed && !known // its own logout goes on, so this browser's marker stays
	if !ok || j.Visit == nil || j.Visit.Stage != stage || anotherTab {
		h.logBack(r, "came back from a provider without a logout under way in this browser")
		if sealed && !ok && st.Site == own.String() && stage == journey.StageHint {
			return h.answerLost(w, r, st)
		}
		return answerBare(w)
	}
	ctx, stop := a.within(r)
	defer stop()
	if h.signedInAgain(j, r) {
		j = j.Untouched()
	}
	var next string
	if stage == journey.StageHint {
		next = h.hinted(ctx, w, r, own, j, known)
	} else {
		next = h.returned(ctx, w, r, own, j, known)
	}
	return pages.RedirectSecret(w, r, next)
}

// answerLost is for a logout of which the browser has kept nothing: all that is
// known is that the provider was not asked to end its session.
func (h *Handler) answerLost(w http.ResponseWriter, r *http.Request, st journey.State) error {
	ctx, stop := h.edge.within(r)
	defer stop()
	lost := journey.Journey{Visit: &journey.Visit{Provider: st.Provider}, Sweep: journey.Sweep{Landing: &journey.Landing{}}}
	own := inbound.Origin(r)
	known := lost.Sweep.WithProvider(h.edge.label(st.Provider, own), h.stillAlive(ctx, lost)).Landing
	return pages.Write(w, http.StatusOK, landingOf(*known).Page())
}

// forwarded is where a hub sends the browser on to: the site that the state
// names, with what belongs to the answer of a provider and nothing else.
func forwarded(address string, q url.Values) string {
	kept := make(url.Values)
	for _, name := range []string{"code", "state", "error", "iss"} {
		if v := q.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	return strings.TrimSuffix(address+"?"+kept.Encode(), "?")
}

func (h *Handler) logBack(r *http.Request, what string) {
	h.logger.Info(what, zap.String("host", r.Host), zap.String("path", r.URL.Path), zap.String("client_ip", inbound.ClientIP(r)))
}

// returned: the provider has ended its session, or the user said no there.
func (h *Handler) returned(ctx context.Context, w http.ResponseWriter, r *http.Request, own origin.Origin, j journey.Journey, known bool) (next string) {
	p := h.edge.run.providers[j.Visit.Provider]
	switch {
	case known:
		return h.edge.endVisit(w.Header(), own, j, journey.VisitEnd{SignOn: journey.SignOnEnded})
	case p != nil && !j.Visit.HasState:
		return h.edge.endVisit(w.Header(), own, j.Unproven(), journey.VisitEnd{SignOn: journey.SignOnEnded})
	}
	// RPI-33: whoever sent the browser here decides nothing.
	h.logBack(r, "came back from the provider's logout without the state that went there")
	return h.edge.endVisit(w.Header(), own, j.Untrusted(), h.stillAlive(ctx, j))
}

// stillAlive is the word for a provider that did not say what it did.
func (h *Handler) stillAlive(ctx context.Context, j journey.Journey) journey.VisitEnd {
	if j.Visit == nil {
		return journey.VisitEnd{}
	}
	p := h.edge.run.providers[j.Visit.Provider]
	if p == nil || p.IsPortal() {
		return journey.VisitEnd{SignOn: journey.SignOnAlive}
	}
	m, _ := p.Endpoints(ctx)
	return alive(m)
}

// hinted: the provider has answered the silent question.
func (h *Handler) hinted(ctx context.Context, w http.ResponseWriter, r *http.Request, own origin.Origin, j journey.Journey, known bool) (next string) {
	a, q := h.edge, r.URL.Query()
	p := a.run.providers[j.Visit.Provider]
	if !known || p == nil {
		h.logBack(r, "came back from the provider's sign-in without the state that went there")
		return a.endVisit(w.Header(), own, j.Untrusted(), h.stillAlive(ctx, j))
	}
	m, ok := p.Reach(ctx)
	if !ok {
		return a.endVisit(w.Header(), own, j, alive(m))
	}
	said := p.ReadAnswer(ctx, m, q, provider.Question{
		Client: j.Visit.OurClient(p), RedirectURI: a.address(own, "/callback"),
		Nonce: j.Visit.Nonce, Verifier: j.Visit.Verifier,
	})
	switch {
	case said.Nobody:
		return a.endVisit(w.Header(), own, j, journey.VisitEnd{SignOn: journey.SignOnNone})
	case said.Unreachable:
		return a.endVisit(w.Header(), own, j, alive(m))
	case said.Hint.Raw != "":
		if !j.Visit.Alone {
			a.refuseSession(ctx, p, said.Hint)
		}
		if p.ServerLogout != nil {
			a.work.Background("server_logout", func(ctx context.Context) { p.LogoutOnServer(ctx, said.Hint) })
		}
	}
	v := *j.Visit
	j.Visit = &v
	v.ID, v.Nonce, v.Verifier = rand.Text(), "", ""
	next, end := a.endSession(ctx, p, own, &v, m, said.Hint)
	return a.visitURL(w.Header(), own, j, next, end)
}

// within is the time that one step of a logout may take.
func (a *App) within(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), time.Duration(a.Timeout))
}
