package journey

import (
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// tourCookie is the name of the cookie by which the hub remembers a tour.
const tourCookie = cookie.BrowserCookie + "-tour"

// SealTour seals a tour for the form that takes the browser to the next site.
func (s *Seals) SealTour(t tour.Tour) string { return tourToken.Seal(s.Keys, t) }

// OpenTour reads a tour. A tour that is too old is returned, too, but is not ok.
func (s *Seals) OpenTour(token string) (t tour.Tour, ok bool) {
	ok = tourToken.Open(s.Keys, token, &t) && s.IsRecent(t.Made, tour.Lifetime)
	return t, ok
}

// SealReport seals what a site says about one of its apps.
func (s *Seals) SealReport(report tour.Report) string { return reportToken.Seal(s.Keys, report) }

// OpenReport reads what a site said. Whether it is about this tour is for the
// caller to see: it is as old as its tour.
func (s *Seals) OpenReport(token string) (report tour.Report, ok bool) {
	ok = reportToken.Open(s.Keys, token, &report)
	return report, ok
}

// remembered is what the hub knows of a tour.
type remembered struct {
	ID   string `json:"i"`
	Made int64  `json:"m"` // Unix seconds
}

// RememberTour is the Set-Cookie line that lets the hub say later that a tour
// was not finished.
func (s *Seals) RememberTour(own origin.Origin, t *tour.Tour) string {
	return cookie.Own(own, tourCookie, hubToken.Seal(s.Keys, remembered{t.ID, t.Made}), tour.Lifetime)
}

// ForgetTour is the Set-Cookie line for a hub that has nothing to say later.
func ForgetTour(own origin.Origin) string { return cookie.Own(own, tourCookie, "", 0) }

// RememberedTour is the id of the tour that the hub remembers, or "".
func (s *Seals) RememberedTour(r *http.Request, own origin.Origin) (id string) {
	var m remembered
	if !hubToken.Open(s.Keys, presented(r, own, tourCookie), &m) || !s.IsRecent(m.Made, tour.Lifetime) {
		return ""
	}
	return m.ID
}
