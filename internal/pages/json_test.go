package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// TestAnswer pins our JSON, which scripts read.
func TestAnswer(t *testing.T) {
	for out, want := range map[outcome.Outcome]string{
		outcome.Cleared: `{"success":true,"message":"Logged out","logout_id":"id","apps":[{"host":"a.example.com","app":"wiki","outcome":"cleared"}]}`,
		outcome.None:    `{"success":true,"message":"Logged out","logout_id":"id","apps":[{"host":"a.example.com","app":"wiki","outcome":"none"}]}`,
		outcome.Failed:  `{"success":false,"message":"Logged out in this browser, but the app did not end its session","logout_id":"id","apps":[{"host":"a.example.com","app":"wiki","outcome":"failed"}]}`,
	} {
		w := httptest.NewRecorder()
		if err := WriteJSON(w, http.StatusOK, NewAnswer("id", AppOutcome{Host: "a.example.com", App: "wiki", Outcome: out})); err != nil || w.Body.String() != want+"\n" {
			t.Errorf("%v\n got %swant %s", err, w.Body, want)
		}
	}
	w := httptest.NewRecorder()
	if err := WriteErrorJSON(w, http.StatusForbidden); err != nil || w.Code != http.StatusForbidden || !strings.HasPrefix(w.Body.String(), `{"success":false,"message":"This request did not come from`) {
		t.Errorf("%v %d %s", err, w.Code, w.Body)
	}
}
