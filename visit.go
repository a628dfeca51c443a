package universallogout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// visit is the browser's way to the provider and back, of one logout.
type visit struct {
	Provider string   `json:"p"`           // its name
	Clients  []client `json:"c,omitempty"` // that a hint may be for; the first is named without one

	Hints  []string `json:"h,omitempty"` // what may be an ID token of one of them
	AppURL string   `json:"a,omitempty"` // where the app itself wanted to send the browser

	Stage    string `json:"s,omitempty"`
	ID       string `json:"i,omitempty"` // stands in the state, too
	Nonce    string `json:"n,omitempty"`
	Verifier string `json:"v,omitempty"`
	Back     string `json:"b,omitempty"` // the path on the site that the provider sends the browser back to
}

// client is one of ours and the app's at the provider.
type client struct {
	ID        string `json:"i"`
	ReturnURI string `json:"r,omitempty"` // registered for it; "": ours
}

const (
	stageHint = "hint" // at the provider, to be asked who is signed in
	stageEnd  = "end"  // at the provider, to end its session

	visitLifetime = 10 * time.Minute
)

// providerOutcome is what became of the single sign-on.
type providerOutcome string

const (
	providerEnded providerOutcome = "ended" // the provider sent the browser back
	providerNone  providerOutcome = "none"  // it said that there was no session
	providerAlive providerOutcome = "alive" // nobody could ask it to end the session
)

// pending is what remains of a logout whose browser is elsewhere: at the
// provider, or on a page of the app. It travels sealed in the marker cookie.
type pending struct {
	Visit *visit `json:"v,omitempty"`
	Round round  `json:"r"`
}

const (
	statePurpose = "state"
	maxMarker    = 3900 // browsers drop cookies of more than 4096 bytes
)

// state is what the provider sends back. It names the site that sent the
// browser, because a hub receives it.
type state struct {
	ID   string `json:"i"`
	Site string `json:"s"`
	Made int64  `json:"m"`
}

func (a *App) sealState(id string, own origin) string {
	plain, err := json.Marshal(state{id, own.String(), a.now().Unix()})
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(statePurpose, plain)
}

func (a *App) openState(token string) (s state, ok bool) {
	plain, err := a.shared.keys.Open(statePurpose, token)
	if err != nil || json.Unmarshal(plain, &s) != nil {
		return state{}, false
	}
	return s, a.recent(s.Made, visitLifetime)
}

// address is one of our addresses as it is registered at the provider.
func (a *App) address(own origin, path string) string {
	if a.hub != (origin{}) {
		own = a.hub
	}
	return own.String() + a.Prefix + path
}

// newVisit prepares the way to the provider, nil if there is none to go to. A
// logout of nobody is no reason to go: the provider would ask for a login.
func (l *logout) newVisit() *visit {
	p := l.h.provider
	if p == nil || len(l.presented) == 0 && len(l.tokens.id) == 0 {
		return nil
	}
	return &visit{Provider: p.name, Clients: l.h.clients(), Hints: l.tokens.id}
}

// clients are the app's own and the provider's.
func (h *Handler) clients() (all []client) {
	if h.clientID != "" {
		all = append(all, client{h.clientID, h.postLogoutRedirectURI})
	}
	if p := h.provider; p.ClientID != "" && p.ClientID != h.clientID {
		all = append(all, client{p.ClientID, p.PostLogoutRedirectURI})
	}
	if p := h.provider; len(all) == 1 && p.ClientID == h.clientID && all[0].ReturnURI == "" {
		all[0].ReturnURI = p.PostLogoutRedirectURI
	}
	return all
}

func (v *visit) clientIDs() (ids []string) {
	for _, c := range v.Clients {
		ids = append(ids, c.ID)
	}
	return ids
}

// ours is the client that a hint is fetched for: the provider's, whose secret
// we have, or the site's.
func (v *visit) ours(p *Provider) string {
	switch {
	case p.ClientID != "":
		return p.ClientID
	case len(v.Clients) > 0:
		return v.Clients[0].ID
	}
	return ""
}

// depart sends the browser to the provider, if it is there and can be asked.
// It returns where the browser goes next, and leaves with it, in h, what is
// needed when it comes back.
func (a *App) depart(ctx context.Context, h http.Header, own origin, rest pending) (next string) {
	p := a.providers[rest.Visit.Provider]
	if p == nil { // the configuration is another one by now
		return a.onward(rest.Round)
	}
	next, b := a.wayTo(ctx, p, own, rest.Visit)
	if next == "" {
		return a.arrive(h, own, rest, b)
	}
	line, ok := a.markerOf(own, rest, visitLifetime)
	if !ok {
		return a.arrive(h, own, rest, became{outcome: providerAlive})
	}
	h.Add("Set-Cookie", line)
	return next
}

// became is the end of a visit.
type became struct {
	outcome providerOutcome
	link    string // where a click ends the single sign-on
}

// alive: the user may end it by a click, at the bare endpoint.
func alive(m metadata) became { return became{providerAlive, m.EndSession} }

// wayTo is where the browser goes to end the single sign-on, or "" and why not.
func (a *App) wayTo(ctx context.Context, p *Provider, own origin, v *visit) (next string, b became) {
	v.ID, v.Stage = rand.Text(), stageEnd
	if p.isPortal() {
		v.Back = a.Prefix + "/return"
		next, err := expandReturnURL(p.LogoutURL, own.String()+v.Back)
		if err != nil { // Provision has seen it
			return "", became{outcome: providerAlive}
		}
		return next, became{}
	}
	m, err := p.endpoints(ctx)
	if m.EndSession == "" || isUnreachable(err) {
		return "", alive(m)
	}
	if next := v.appsOwnWay(m, own); next != "" {
		return next, became{}
	}
	token, found := p.firstIDToken(ctx, v.Hints, v.clientIDs())
	if next := a.askWho(ctx, p, own, v, m, found); next != "" {
		return next, became{}
	}
	return a.endSession(ctx, p, own, v, m, token)
}

// appsOwnWay: an app that sends the browser to the provider itself may do it
// for a client that we know nothing of. Then what it says stays as it is, for
// we could only mix clients (RPI-13). Else its hint is ours.
func (v *visit) appsOwnWay(m metadata, own origin) string {
	if v.AppURL == "" || !sameEndpoint(v.AppURL, m.EndSession) {
		return ""
	}
	u, err := url.Parse(v.AppURL)
	if err != nil {
		return ""
	}
	q := u.Query()
	hint, named := q.Get("id_token_hint"), q.Get("client_id")
	if len(v.Clients) > 0 && (named == "" || slices.Contains(v.clientIDs(), named)) {
		if hint != "" {
			v.Hints = append(v.Hints, hint)
		}
		return ""
	}
	if hint == "" && named == "" {
		return ""
	}
	v.Back = pathOn(own, q.Get("post_logout_redirect_uri"))
	endpoint, _, _ := strings.Cut(m.EndSession, "?") // its own query is among the app's
	return withQuery(endpoint, q)
}

// askWho is the address of the silent question who is signed in, or "" if
// there is no need or no way to ask it.
func (a *App) askWho(ctx context.Context, p *Provider, own origin, v *visit, m metadata, found bool) string {
	ours := v.ours(p)
	if found || m.quirks.noHint || !p.justInTime(ours) || m.Authorization == "" || m.Token == "" || m.JWKS == "" || !p.redeems(ours) {
		return ""
	}
	question := authRequest{client: ours, redirectURI: a.address(own, "/callback")}
	if !p.answersSilently(ctx, m, question) {
		return ""
	}
	v.Stage, v.Nonce, v.Verifier = stageHint, rand.Text(), rand.Text()+rand.Text()
	v.Hints = nil
	question.state, question.nonce, question.verifier = a.sealState(v.ID, own), v.Nonce, v.Verifier
	return question.url(m.Authorization)
}

// endSession is the address that ends the single sign-on.
func (a *App) endSession(ctx context.Context, p *Provider, own origin, v *visit, m metadata, hint idToken) (next string, b became) {
	v.Stage, v.Hints = stageEnd, nil
	e := endSession{hint: hint.raw, client: hint.client, state: a.sealState(v.ID, own)}
	if e.client == "" && len(v.Clients) > 0 {
		e.client = v.Clients[0].ID
	}
	e.returnURI = v.returnURI(e.client)
	if e.returnURI == "" && e.client != "" {
		e.returnURI = a.address(own, "/return")
	}
	e, ok := p.endsSessions(ctx, m, e)
	if !ok {
		return "", alive(m)
	}
	next, ok = e.url(m.EndSession, m.quirks)
	if !ok {
		return "", alive(m)
	}
	v.Back = pathOn(own, e.returnURI)
	return next, became{}
}

func (v *visit) returnURI(id string) string {
	for _, c := range v.Clients {
		if c.ID == id {
			return c.ReturnURI
		}
	}
	return ""
}

// pathOn is a URL's path, if it lies on a site.
func pathOn(own origin, raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || newOrigin(u.Scheme, u.Host) != own:
		return ""
	case u.Path == "":
		return "/"
	}
	return u.Path
}

// markerOf seals what remains into the marker. What makes it too long for a
// cookie is left out, the least important first.
func (a *App) markerOf(own origin, rest pending, lifetime time.Duration) (line string, ok bool) {
	shorter := rest
	if rest.Visit != nil {
		v := *rest.Visit
		shorter.Visit = &v
	}
	if rest.Round.Landing != nil {
		l := *rest.Round.Landing
		shorter.Round.Landing = &l
	}
	for {
		token := a.sealPending(shorter)
		if len(token)+len("__Host-"+markerCookie) <= maxMarker {
			return ownCookie(own, markerCookie, token, lifetime), token != ""
		}
		switch v, l := shorter.Visit, shorter.Round.Landing; {
		case v != nil && len(v.Hints) > 0:
			v.Hints = nil // there is the silent question
		case v != nil && v.AppURL != "":
			v.AppURL = ""
		case l != nil && l.Target != "":
			l.Target = ""
		case shorter.Round.Rest != nil:
			shorter.Round.Rest = nil
		default:
			return "", false
		}
	}
}

func (a *App) sealPending(rest pending) string {
	plain, err := json.Marshal(rest)
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(markerPurpose, plain)
}

// arrive ends a visit that is over, or that never began.
func (a *App) arrive(h http.Header, own origin, rest pending, b became) (next string) {
	if l := rest.Round.Landing; l != nil {
		done := *l
		done.Provider, done.ProviderOutcome = a.label(rest.Visit.Provider, own), b.outcome
		if b.outcome == providerAlive {
			done.ProviderLink, done.GoOn = b.link, false
		}
		rest.Round.Landing = &done
	}
	h.Add("Set-Cookie", ownCookie(own, markerCookie, "", 0))
	return a.onward(rest.Round)
}

// onward is where the browser goes when nothing is left to do at the provider.
func (a *App) onward(rd round) string {
	if rd.isLast() {
		return a.after(rd)
	}
	return a.roundURL(rd)
}

func (a *App) label(name string, own origin) string {
	if p := a.providers[name]; p != nil {
		return p.label(own)
	}
	return ""
}
