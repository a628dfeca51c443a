package journey

import (
	"net/url"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// Visit is the browser's way to the provider and back, of one logout.
type Visit struct {
	Provider string   `json:"p"`           // its name
	Label    string   `json:"l,omitempty"` // its name for people
	Clients  []Client `json:"c,omitempty"` // that a hint may be for; the first is named without one

	ReturnURI string `json:"r,omitempty"` // if no client is known

	Hints  []string `json:"h,omitempty"` // what may be an ID token of one of them
	AppURL string   `json:"a,omitempty"` // where the app itself wanted to send the browser

	Alone  bool `json:"o,omitempty"` // no other app ends with this one
	Unsure bool `json:"u,omitempty"` // only if another site of the tour has a session
	Silent bool `json:"q,omitempty"` // nobody has presented a session: only if the silent question finds one

	Stage    string `json:"s,omitempty"` // "": the browser has not left
	ID       string `json:"i,omitempty"` // stands in the state, too
	Nonce    string `json:"n,omitempty"`
	Verifier string `json:"v,omitempty"`
	BackPath string `json:"b,omitempty"` // the path on the site that the provider sends the browser back to
	HasState bool   `json:"f,omitempty"` // with our state
}

// Stages of a visit.
const (
	StageHint = "hint" // at the provider, to be asked who is signed in
	StageEnd  = "end"  // at the provider, to end its session
)

// VisitLifetime is how long a browser may be at the provider.
const VisitLifetime = 10 * time.Minute

// Client is one of ours and the app's at the provider.
type Client struct {
	ID        string `json:"i"`
	ReturnURI string `json:"r,omitempty"` // registered for it; "": ours
}

// ClientIDs are those that a hint may be for.
func (v *Visit) ClientIDs() (ids []string) {
	for _, c := range v.Clients {
		ids = append(ids, c.ID)
	}
	return ids
}

// OurClient is the client that a hint is fetched for: the provider's, whose
// secret we have, or the site's. It is "" if there is none.
func (v *Visit) OurClient(p *provider.Provider) string {
	switch {
	case p.ClientID != "":
		return p.ClientID
	case len(v.Clients) > 0:
		return v.Clients[0].ID
	}
	return ""
}

// ReturnURIOf is what is registered for a client, or "".
func (v *Visit) ReturnURIOf(id string) string {
	for _, c := range v.Clients {
		if c.ID == id {
			return c.ReturnURI
		}
	}
	return ""
}

// SetBack notes where on the site the provider sends the browser back to: raw is
// the URL that it was told, "" if none.
func (v *Visit) SetBack(own origin.Origin, raw string) { v.BackPath = pathOn(own, raw) }

// VisitEnd is how a visit ended.
type VisitEnd struct {
	SignOn SignOn
	Link   string // where a click ends the single sign-on, if it lives
}

// SignOn is what became of the single sign-on, "" if nobody asked.
type SignOn string

// The outcomes of a visit.
const (
	SignOnEnded SignOn = "ended" // the provider sent the browser back
	SignOnNone  SignOn = "none"  // it said that there was no session
	SignOnAlive SignOn = "alive" // nobody could ask it to end the session
)

// pathOn is the path of a URL, or "" if the URL does not lie on a site.
func pathOn(own origin.Origin, raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || origin.New(u.Scheme, u.Host) != own:
		return ""
	case u.Path == "":
		return "/"
	}
	return u.Path
}
