package universallogout

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// address is one of our addresses as it is registered at the provider. The hub
// stands in only for sites that the configuration names: anybody can make a
// request for a name of his own, and would be sent what is for the hub.
func (a *App) address(own origin.Origin, path string) string {
	if a.run.hub != (origin.Origin{}) && a.serves(own) {
		own = a.run.hub
	}
	return own.String() + a.Prefix + path
}

// newVisit prepares the way to the provider, nil if there is none to go to. A
// logout of nobody is no reason to go: the provider would ask for a login. But
// who clicks again, or comes back by the Back button, before the first logout
// is over goes on with it.
func (l *logout) newVisit(r *http.Request) *journey.Visit {
	p := l.h.run.provider
	if p == nil {
		return nil
	}
	v := l.visitTo(p)
	if len(l.presented) == 0 && len(l.tokens.ID) == 0 {
		before, ok := l.h.edge.seals.OpenMarker(r, l.own)
		if !ok || before.Visit == nil || before.Visit.Provider != p.Name {
			if l.tour == nil {
				return nil
			}
			v.Unsure = true
			return v
		}
		v.Hints = before.Visit.Hints
		if before.Sweep.Landing != nil {
			l.before = before.Sweep.Landing.Outcome
		}
	}
	return v
}

func (l *logout) visitTo(p *provider.Provider) *journey.Visit {
	v := &journey.Visit{Provider: p.Name, Label: p.Host(l.own), Clients: l.h.clients(), Hints: l.tokens.ID, ReturnURI: l.h.run.postLogoutRedirectURI, Alone: l.h.Fanout == fanoutOff}
	if v.ReturnURI == "" {
		v.ReturnURI = p.PostLogoutRedirectURI
	}
	return v
}

// followApp notes where the app's own answer leads: it may be the provider. One
// with a hint is as good a reason to go there as a session.
func (l *logout) followApp(res appcall.Result) {
	location := res.Header.Get("Location")
	if l.h.run.provider == nil || l.h.run.provider.IsPortal() || res.Status/100 != 3 || len(location) > maxAppURL {
		return
	}
	u, err := url.Parse(location)
	if err != nil || !u.IsAbs() {
		return
	}
	if l.visit == nil && strings.EqualFold(u.Hostname(), l.h.run.provider.Host(l.own)) && u.Query().Has("id_token_hint") {
		l.visit = l.visitTo(l.h.run.provider)
	}
	if l.visit != nil {
		l.visit.AppURL = location
	}
}

// maxAppURL: longer ones meet servers and firewalls that refuse them, as those
// that we make (RPI-20).
const maxAppURL = 4096

// toProvider sends the browser to the provider, if it is there and can be asked.
// It returns where the browser goes next, and leaves with it, in hdr, what is
// needed when it comes back.
func (a *App) toProvider(ctx context.Context, hdr http.Header, own origin.Origin, j journey.Journey) (next string) {
	p := a.run.providers[j.Visit.Provider]
	if p == nil { // the configuration is another one by now
		return a.endVisit(hdr, own, j, journey.VisitEnd{SignOn: journey.SignOnAlive})
	}
	v := *j.Visit
	j.Visit = &v
	next, end := a.wayTo(ctx, p, own, &v)
	return a.visitURL(hdr, own, j, next, end)
}

// visitURL lets the browser go, or arrive if there is nowhere to go.
func (a *App) visitURL(hdr http.Header, own origin.Origin, j journey.Journey, next string, end journey.VisitEnd) string {
	if next == "" {
		return a.endVisit(hdr, own, j, end)
	}
	j.Visit.Hints, j.Visit.AppURL = nil, ""
	line, ok := a.seals.SealMarker(own, j, journey.VisitLifetime)
	if !ok {
		return a.endVisit(hdr, own, j, journey.VisitEnd{SignOn: journey.SignOnAlive})
	}
	hdr.Add("Set-Cookie", line)
	return next
}

// endVisit ends a visit that is over, or that never began.
func (a *App) endVisit(hdr http.Header, own origin.Origin, j journey.Journey, end journey.VisitEnd) (next string) {
	if j.Visit != nil {
		j.Sweep = j.Sweep.WithProvider(j.Visit.Label, end)
	}
	if done := j.Sweep.Landing; done != nil && j.Visit != nil {
		a.logger.Info("single sign-on", zap.String("logout_id", done.ID), zap.String("host", own.Host),
			zap.String("provider", j.Visit.Provider), zap.String("outcome", string(end.SignOn)))
	}
	hdr.Add("Set-Cookie", journey.DropMarker(own))
	return a.seals.NextURL(j.Sweep)
}

func (a *App) label(name string, own origin.Origin) string {
	if p := a.run.providers[name]; p != nil {
		return p.Host(own)
	}
	return ""
}

// alive: the user may end it by a click, at the bare endpoint.
func alive(m provider.Metadata) journey.VisitEnd {
	return journey.VisitEnd{SignOn: journey.SignOnAlive, Link: m.EndSession}
}

// wayTo is where the browser goes to end the single sign-on, or "" and why not.
func (a *App) wayTo(ctx context.Context, p *provider.Provider, own origin.Origin, v *journey.Visit) (next string, end journey.VisitEnd) {
	v.ID, v.Stage, v.BackPath, v.HasState = rand.Text(), journey.StageEnd, "", false
	if v.Silent && p.IsPortal() {
		return "", journey.VisitEnd{}
	}
	if p.IsPortal() {
		return a.wayToPortal(ctx, p, own)
	}
	m, ok := p.Reach(ctx)
	if !ok {
		return "", alive(m)
	}
	hint, next, back := p.ReadAppLogout(ctx, m, v.AppURL, v.ClientIDs())
	if next != "" {
		v.SetBack(own, back)
		return next, journey.VisitEnd{}
	}
	if hint != "" {
		v.Hints = append(v.Hints, hint)
	}
	token, found := p.FirstIDToken(ctx, v.Hints, v.ClientIDs())
	if found && !v.Alone {
		a.refuseSession(ctx, p, token)
	}
	if found && !m.Carries(token) {
		token, found = provider.IDToken{}, false
	}
	if !found {
		if next := a.askWho(ctx, p, own, v, m); next != "" {
			return next, journey.VisitEnd{}
		}
	}
	if v.Silent {
		return "", journey.VisitEnd{}
	}
	return a.endSession(ctx, p, own, v, m, token)
}

// wayToPortal: the address to come back to has no state in it, for some portals
// want it to be the registered one to the letter.
func (a *App) wayToPortal(ctx context.Context, p *provider.Provider, own origin.Origin) (next string, end journey.VisitEnd) {
	next, link, ok := p.PortalURL(ctx, own.String()+a.Prefix+"/return")
	if !ok {
		return "", journey.VisitEnd{SignOn: journey.SignOnAlive, Link: link}
	}
	return next, journey.VisitEnd{}
}

// askWho is the address of the silent question who is signed in, or "" if
// there is no way to ask it.
func (a *App) askWho(ctx context.Context, p *provider.Provider, own origin.Origin, v *journey.Visit, m provider.Metadata) string {
	question := provider.Question{Client: v.OurClient(p), RedirectURI: a.address(own, "/callback")}
	if !p.TakesQuestion(ctx, m, question) {
		return ""
	}
	v.Stage, v.Nonce, v.Verifier = journey.StageHint, rand.Text(), rand.Text()+rand.Text()
	question.State, question.Nonce, question.Verifier = a.seals.SealState(v, own), v.Nonce, v.Verifier
	return question.URL(m.Authorization)
}

// endSession is the address that ends the single sign-on.
func (a *App) endSession(ctx context.Context, p *provider.Provider, own origin.Origin, v *journey.Visit, m provider.Metadata, hint provider.IDToken) (next string, end journey.VisitEnd) {
	v.Stage = journey.StageEnd
	e := provider.EndSession{Hint: hint.Raw, Client: hint.Client, State: a.seals.SealState(v, own)}
	if e.Client == "" && len(v.Clients) > 0 {
		e.Client = v.Clients[0].ID
	}
	e.ReturnURI = v.ReturnURIOf(e.Client)
	switch {
	case e.ReturnURI != "":
	case e.Client != "" && m.Quirks.NoState:
		e.ReturnURI = own.String() + a.Prefix + "/return" // a hub would not know where to send it on
	case e.Client != "":
		e.ReturnURI = a.address(own, "/return")
	default:
		e.ReturnURI = v.ReturnURI
	}
	next, sent, ok := p.EndSessionURL(ctx, m, e)
	if !ok {
		return "", journey.VisitEnd{SignOn: journey.SignOnAlive, Link: next} // the rest is left to a click
	}
	v.SetBack(own, sent.ReturnURI)
	v.HasState = sent.State != ""
	return next, journey.VisitEnd{}
}

// getReady asks the provider, while the app is busy with its logout, what the
// visit will need to know.
func (a *App) getReady(ctx context.Context, own origin.Origin, v journey.Visit) {
	p := a.run.providers[v.Provider]
	if p == nil || p.IsPortal() {
		return
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(a.Timeout))
	defer stop()
	v.Alone = true // only looks: no session is refused before its app has had its turn
	a.work.Guarded("asking the provider", func() { _, _ = a.wayTo(ctx, p, own, &v) })
}
