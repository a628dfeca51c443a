package universallogout

import (
	"crypto/rand"
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

// marker is the cookie left with a browser whose logout was answered by the
// app itself while something is still to be done: the next page it opens
// makes it a round.
func (l *logout) marker(next int) string {
	plain, err := json.Marshal(round{Host: l.own.host, Made: l.began.Unix(), Rest: l.newLeftover(next)})
	if err != nil { // strings and numbers only
		return ownCookie(l.own, markerCookie, "", 0)
	}
	return ownCookie(l.own, markerCookie, l.h.app.shared.keys.Seal(markerPurpose, plain), markerLifetime)
}

// isNavigation is the cheap question asked of every request.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	mode := r.Header["Sec-Fetch-Mode"]
	return len(mode) == 1 && mode[0] == "navigate"
}

func hasMarker(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(line, markerCookie) {
			return true
		}
	}
	return false
}

// serveMarked continues a logout, or drops the marker and lets the page be.
func (h *Handler) serveMarked(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	own := ownOrigin(r)
	q := r.URL.Query()
	loginReturns := q.Has("code") && q.Has("state")
	if h.Role == roleAddresses || loginReturns || isSpeculative(r.Header) || soleValue(r.Header, "Sec-Fetch-Dest") != "document" {
		return next.ServeHTTP(w, r)
	}
	drop := ownCookie(own, markerCookie, "", 0)
	page, err := returnTarget(clientURL(r).RequestURI(), own, nil)
	rd, ok := h.app.openMarker(cookieValue(r.Header["Cookie"], ownCookieName(own, markerCookie)), own)
	if err != nil {
		return next.ServeHTTP(w, r) // no address to come back to: the next page continues
	}
	if !ok || h.signedInAgain(rd, r) {
		return next.ServeHTTP(&markerDropper{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, drop, false}, r)
	}
	rd.Page, rd.Browser = page, rand.Text()
	w.Header().Add("Set-Cookie", drop)
	w.Header().Add("Set-Cookie", ownCookie(own, browserCookie, rd.Browser, markerLifetime))
	return answerRedirect(w, h.app.roundURL(rd))
}

func (a *App) openMarker(token string, own origin) (rd round, ok bool) {
	plain, err := a.shared.keys.Open(markerPurpose, token)
	if err != nil || json.Unmarshal(plain, &rd) != nil || rd.Rest == nil || !isPlainPath(rd.Rest.Path) {
		return round{}, false
	}
	return rd, rd.Host == own.host && a.recent(rd.Made, markerLifetime)
}

// signedInAgain reports whether a session is presented that the marker does
// not know: a fresh login is never touched.
func (h *Handler) signedInAgain(rd round, r *http.Request) bool {
	_, others := rd.Rest.stillPresented(r.Header["Cookie"])
	return slices.ContainsFunc(others, func(c cookie) bool { return h.sessions.is(c.name, c.value) })
}

// markerDropper expires the marker with whatever answer comes.
type markerDropper struct {
	*caddyhttp.ResponseWriterWrapper
	line    string
	written bool
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
