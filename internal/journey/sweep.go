package journey

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Sweep is one more answer with expirations. The browser comes by on its way to
// the landing page or, if the app has answered its script already, to the page
// that was opened next.
type Sweep struct {
	Host     string           `json:"h"`
	Made     int64            `json:"m"` // Unix seconds
	Browser  string           `json:"b"` // value of cookie.BrowserCookie
	Leftover *cookie.Leftover `json:"r"` // nil: nothing is left to expire
	Landing  *Landing         `json:"l,omitempty"`
	Page     string           `json:"p,omitempty"` // if there is no landing page
}

// IsLast reports whether no expirations are left.
func (sweep Sweep) IsLast() bool { return sweep.Leftover == nil || sweep.Leftover.Next < 0 }

// WithoutLanding ends at the page that the browser opens next.
func (sweep Sweep) WithoutLanding() Sweep {
	sweep.Landing = nil
	return sweep
}

// WithProvider tells the landing page what became of the single sign-on. label
// is the provider's name for people.
func (sweep Sweep) WithProvider(label string, end VisitEnd) Sweep {
	if sweep.Landing == nil {
		return sweep
	}
	done := *sweep.Landing
	done.Provider, done.SignOn = label, end.SignOn
	if end.SignOn == SignOnAlive {
		done.ProviderLink, done.GoesOn = end.Link, false
	}
	sweep.Landing = &done
	return sweep
}

// SweepURL is the address of a sweep that is not the last: the path of the
// logout, because only there the browser shows cookies that are limited to it.
func (s *Seals) SweepURL(sweep Sweep) string {
	return sweep.Leftover.Path + "?" + logoutpath.OwnParameter + "=" + sweepToken.Seal(s.Keys, sweep)
}

// EndURL is where the browser goes when nothing is left to expire.
func (s *Seals) EndURL(sweep Sweep) string {
	if sweep.Landing != nil {
		return s.DoneURL(*sweep.Landing)
	}
	return sweep.Page
}

// NextURL is where the browser goes when nothing is left to do at the provider.
func (s *Seals) NextURL(sweep Sweep) string {
	if sweep.IsLast() {
		return s.EndURL(sweep)
	}
	return s.SweepURL(sweep)
}

// OpenSweep reads the sweep that a request to a logout path is, if it is one
// and comes from the browser that logged out.
func (s *Seals) OpenSweep(r *http.Request, own origin.Origin) (sweep Sweep, ok bool) {
	raw := inbound.URL(r).RawQuery
	if r.Method != http.MethodGet || !strings.HasPrefix(raw, logoutpath.OwnParameter+"=") {
		return Sweep{}, false
	}
	query, _ := url.ParseQuery(raw) // what is readable of it
	if !sweepToken.Open(s.Keys, query.Get(logoutpath.OwnParameter), &sweep) || sweep.Leftover == nil {
		return Sweep{}, false
	}
	return sweep, s.IsRecent(sweep.Made, LandingLifetime) && sweep.Host == own.Host && IsFrom(r, own, sweep.Browser)
}
