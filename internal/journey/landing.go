package journey

import (
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

const LandingLifetime = 10 * time.Minute

// landing is what /done needs to know. It travels sealed in its address.
type Landing struct {
	ID      string          `json:"i"`
	Host    string          `json:"h"`
	Began   int64           `json:"b"` // Unix seconds
	Outcome outcome.Outcome `json:"o"`
	Target  string          `json:"t,omitempty"`
	GoOn    bool            `json:"g,omitempty"` // to Target, by itself
	Clear   []string        `json:"c,omitempty"` // for Clear-Site-Data
	Browser string          `json:"n,omitempty"` // value of browserCookie

	Tour   *tour.Tour `json:"r,omitempty"` // what became of the apps at all sites
	Passed bool       `json:"s,omitempty"` // the cookie pass is over

	Provider        string  `json:"p,omitempty"`
	ProviderOutcome Outcome `json:"q,omitempty"`
	ProviderLink    string  `json:"u,omitempty"` // where a click ends the single sign-on
}

// isFrom reports whether r comes from the browser that was given this value
// of browserCookie.
func IsFrom(r *http.Request, own origin.Origin, value string) bool {
	presented := cookie.Value(r.Header["Cookie"], cookie.OwnName(own, cookie.BrowserCookie))
	return subtle.ConstantTimeCompare([]byte(presented), []byte(value)) == 1
}
