package finalheader

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestWriter: however an answer begins, final sees its header once, before it
// goes out, and what it adds goes out with it.
func TestWriter(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(w *Writer)
		status int
	}{
		"a status":        {func(w *Writer) { w.WriteHeader(http.StatusTeapot); w.WriteHeader(http.StatusOK) }, http.StatusTeapot},
		"a body":          {func(w *Writer) { _, _ = io.WriteString(w, "hello") }, http.StatusOK},
		"a status first":  {func(w *Writer) { w.WriteHeader(http.StatusNotFound); _, _ = io.WriteString(w, "hello") }, http.StatusNotFound},
		"a file":          {func(w *Writer) { _, _ = w.ReadFrom(strings.NewReader("hello")) }, http.StatusOK},
		"a flush":         {func(w *Writer) { _ = http.NewResponseController(w).Flush() }, http.StatusOK},
		"nothing":         {func(w *Writer) { w.Finish() }, http.StatusOK},
		"another":         {func(w *Writer) { w.WriteHeader(http.StatusSwitchingProtocols) }, http.StatusSwitchingProtocols},
		"an early hint":   {func(w *Writer) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(http.StatusAccepted) }, http.StatusAccepted},
		"all of it twice": {func(w *Writer) { _, _ = io.WriteString(w, "a"); _, _ = io.WriteString(w, "b"); w.Finish() }, http.StatusOK},
	} {
		var seen []int
		rec := httptest.NewRecorder()
		tc.answer(Watch(rec, func(status int, hdr http.Header) {
			seen = append(seen, status)
			hdr.Add("X-Final", "1")
		}))
		if len(seen) != 1 || seen[0] != tc.status {
			t.Errorf("%s: final saw %v, want %d", name, seen, tc.status)
		}
		if name != "nothing" && name != "an early hint" && rec.Result().Header.Get("X-Final") != "1" {
			t.Errorf("%s: what final adds stays behind: %v", name, rec.Result().Header)
		}
	}
}

// TestEarlyHints: they go out as they are, and final has not been there yet.
func TestEarlyHints(t *testing.T) {
	calls := 0
	w := New(httptest.NewRecorder(), func(http.Header) { calls++ })
	w.WriteHeader(http.StatusEarlyHints)
	if calls != 0 {
		t.Error("final saw an early hint")
	}
	if w.WriteHeader(http.StatusOK); calls != 1 {
		t.Errorf("final was called %d times", calls)
	}
}

// TestChangedHeaderGoesOut: what a handler sets after its first byte or flush does
// not, also behind a writer that keeps both back until there is a status. A writer
// that only watches leaves it as it would be without.
func TestChangedHeaderGoesOut(t *testing.T) {
	begins := map[string]func(w http.ResponseWriter){
		"flush":      func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"empty body": func(w http.ResponseWriter) { _, _ = w.Write(nil) },
		"no file":    func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("")) },
	}
	for name, begin := range begins {
		for _, recorded := range []bool{false, true} {
			rec := httptest.NewRecorder()
			var front http.ResponseWriter = rec
			if recorded {
				front = caddyhttp.NewResponseRecorder(rec, nil, nil)
			}
			w := New(front, func(hdr http.Header) { hdr.Del("Set-Cookie") })
			begin(w)
			w.Header().Set("Set-Cookie", "sid=refused")
			w.WriteHeader(http.StatusNotFound)
			if lines := rec.Result().Header["Set-Cookie"]; rec.Code != http.StatusOK || lines != nil {
				t.Errorf("%s, recorded %t: %d %q", name, recorded, rec.Code, lines)
			}
		}
	}
	rec := httptest.NewRecorder()
	w := Watch(caddyhttp.NewResponseRecorder(rec, nil, nil), func(int, http.Header) {})
	begins["flush"](w)
	if w.WriteHeader(http.StatusNotFound); rec.Code != http.StatusNotFound {
		t.Errorf("watched: %d", rec.Code)
	}
}
