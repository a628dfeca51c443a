package appcall

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestLogoutMayFinish: an app that has begun its answer in time may end what it
// does, a moment beyond the deadline of its logout.
func TestLogoutMayFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			time.Sleep(280 * time.Millisecond)
			w.WriteHeader(http.StatusFound)
			time.Sleep(60 * time.Millisecond)
			return r.Context().Err()
		})
		answer := NewAnswer(httptest.NewRecorder(), func(int) bool { return false }, nil, time.Now().Add(300*time.Millisecond))
		r := httptest.NewRequest("POST", "https://app.example.com/logout", nil)
		if res := Ask(r, app, answer); res.Status != http.StatusFound || res.Err != nil {
			t.Errorf("%d, %v", res.Status, res.Err)
		}
	})
}
