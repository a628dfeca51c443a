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

// LandingLifetime is how long a landing page and the sweeps before it do
// anything.
const LandingLifetime = 10 * time.Minute

// Landing is what /done needs to know. It travels sealed in its address.
type Landing struct {
	ID      string          `json:"i"`
	Host    string          `json:"h"`
	Began   int64           `json:"b"` // Unix seconds
	Outcome outcome.Outcome `json:"o"`
	Target  string          `json:"t,omitempty"`
	GoesOn  bool            `json:"g,omitempty"` // to Target, by itself
	Clear   []string        `json:"c,omitempty"` // for Clear-Site-Data
	Browser string          `json:"n,omitempty"` // value of cookie.BrowserCookie

	Tour          *tour.Tour `json:"r,omitempty"` // what became of the apps at all sites
	CookiesPassed bool       `json:"s,omitempty"` // the cookie pass is over

	Provider     string `json:"p,omitempty"`
	SignOn       SignOn `json:"q,omitempty"`
	ProviderLink string `json:"u,omitempty"` // where a click ends the single sign-on
}

// DoneURL is the address of a landing page.
func (s *Seals) DoneURL(done Landing) string {
	return s.Prefix + "/done?t=" + landingToken.Seal(s.Keys, done)
}

// OpenLanding reads what DoneURL sealed for this host, if it is not too old.
func (s *Seals) OpenLanding(token string, own origin.Origin) (done Landing, ok bool) {
	if !landingToken.Open(s.Keys, token, &done) || !s.IsRecent(done.Began, LandingLifetime) || done.Host != own.Host {
		return Landing{}, false
	}
	return done, true
}

// IsFrom reports whether a request comes from the browser that was given this
// value of cookie.BrowserCookie.
func IsFrom(r *http.Request, own origin.Origin, value string) bool {
	return subtle.ConstantTimeCompare([]byte(presented(r, own, cookie.BrowserCookie)), []byte(value)) == 1
}
