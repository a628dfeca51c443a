package universallogout

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	markerPurpose  = "marker"
	markerLifetime = time.Minute
	markerCookie   = browserCookie + "-marker"
)

// marker is left with a browser whose logout was answered by the app itself
// while something is still to be done: the next page it opens continues.
type marker struct {
	Host string    `json:"h"`
	Made int64     `json:"m"` // Unix seconds
	Rest *leftover `json:"r"`
}

func (a *App) markerLine(own origin, m marker) string {
	plain, err := json.Marshal(m)
	if err != nil { // strings and numbers only
		return ownCookie(own, markerCookie, "", 0)
	}
	return ownCookie(own, markerCookie, a.shared.keys.Seal(markerPurpose, plain), markerLifetime)
}

func (l *logout) marker(next int) string {
	return l.h.app.markerLine(l.own, marker{Host: l.own.host, Made: l.began.Unix(), Rest: l.newLeftover(next)})
}

// mayContinue is the cheap question asked of every request: is it a page that
// is opened with a marker? Code and state belong to a login that comes back.
func mayContinue(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	mode := r.Header["Sec-Fetch-Mode"]
	if len(mode) != 1 || mode[0] != "navigate" {
		return false
	}
	for _, line := range r.Header["Cookie"] {
		if strings.Contains(line, markerCookie) {
			return true
		}
	}
	return false
}

// serveMarked continues a logout, or drops the marker and lets the page be.
func (h *Handler) serveMarked(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	own := ownOrigin(r)
	if q := r.URL.Query(); h.Role == roleAddresses || q.Has("code") && q.Has("state") ||
		isSpeculative(r.Header) || soleValue(r.Header, "Sec-Fetch-Dest") != "document" {
		return next.ServeHTTP(w, r)
	}
	again, err := returnTarget(clientURL(r).RequestURI(), own, nil)
	m, ok := h.app.openMarker(cookieValue(r.Header["Cookie"], ownCookieName(own, markerCookie)), own)
	if err != nil || !ok || h.signedInAgain(m, r) {
		return next.ServeHTTP(dropMarker(w, own), r)
	}
	lines, left := m.Rest.expire(r.Header["Cookie"], own)
	if len(lines) == 0 {
		return next.ServeHTTP(dropMarker(w, own), r)
	}
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	if left == nil {
		w.Header().Add("Set-Cookie", ownCookie(own, markerCookie, "", 0))
	} else {
		m.Rest = left
		w.Header().Add("Set-Cookie", h.app.markerLine(own, m))
	}
	return answerRedirect(w, again)
}

func (a *App) openMarker(token string, own origin) (m marker, ok bool) {
	plain, err := a.shared.keys.Open(markerPurpose, token)
	if err != nil || json.Unmarshal(plain, &m) != nil || m.Rest == nil {
		return marker{}, false
	}
	age := a.now().Sub(time.Unix(m.Made, 0))
	return m, m.Host == own.host && age >= -markerLifetime && age <= markerLifetime
}

// signedInAgain reports whether a session is presented that the marker does
// not know: a fresh login is never touched.
func (h *Handler) signedInAgain(m marker, r *http.Request) bool {
	_, others := m.Rest.stillPresented(r.Header["Cookie"])
	return slices.ContainsFunc(others, func(c cookie) bool { return h.sessions.is(c.name, c.value) })
}

// markerDropper expires the marker with whatever answer comes.
type markerDropper struct {
	*caddyhttp.ResponseWriterWrapper
	line    string
	written bool
}

func dropMarker(w http.ResponseWriter, own origin) http.ResponseWriter {
	return &markerDropper{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, ownCookie(own, markerCookie, "", 0), false}
}

func (d *markerDropper) WriteHeader(status int) {
	if !d.written && (status >= 200 || status == http.StatusSwitchingProtocols) {
		d.written = true
		d.Header().Add("Set-Cookie", d.line)
	}
	d.ResponseWriterWrapper.WriteHeader(status)
}

func (d *markerDropper) Write(p []byte) (int, error) {
	d.begin()
	return d.ResponseWriterWrapper.Write(p)
}

func (d *markerDropper) ReadFrom(r io.Reader) (int64, error) {
	d.begin()
	return d.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError keeps a flush before the first byte from passing us by.
func (d *markerDropper) FlushError() error {
	d.begin()
	return http.NewResponseController(d.ResponseWriter).Flush()
}

func (d *markerDropper) begin() {
	if !d.written {
		d.WriteHeader(http.StatusOK)
	}
}
