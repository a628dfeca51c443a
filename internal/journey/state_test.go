package journey

import (
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// TestStateNamesItsQuestion: so that what the silent question asks is known for
// ours, and nothing else is.
func TestStateNamesItsQuestion(t *testing.T) {
	s := newLab(t)
	v := visit()
	v.Verifier = "verifier"
	for stage, marked := range map[string]bool{"": false, StageEnd: false, StageHint: true} {
		v.Stage = stage
		st, ok := s.OpenState(s.SealState(v, app))
		if !ok || st.ID != "visit" || st.Site != app.String() || st.Provider != "main" || st.IsTour || (st.Question == provider.Question{Verifier: "verifier"}.Mark()) != marked || !marked && st.Question != "" {
			t.Errorf("%q: %t %+v", stage, ok, st)
		}
	}
}

// TestResumeURL: the marker and the address belong together, and no visit is
// resumed by the address of another one.
func TestResumeURL(t *testing.T) {
	s := newLab(t)
	for name, given := range map[string]Journey{
		"a visit": {Visit: visit(), Sweep: sweep()}, "a tour": {Tour: aTour(), Sweep: sweep()}, "both": {Visit: visit(), Tour: aTour(), Sweep: sweep()},
	} {
		j := given
		line, address := s.ResumeURL(app, &j)
		kept, ok := s.OpenMarker(get("", pair(line)), app)
		st, sealed := s.OpenState(tokenIn(address))
		if !ok || !sealed || !strings.HasPrefix(address, "/.universal-logout/hop?t=") || !kept.IsAbout(st, app) || !j.IsAbout(st, app) || st.IsTour != (j.Tour != nil) {
			t.Errorf("%s: %t %t %s %+v", name, ok, sealed, address, st)
		}
		if given.Visit != nil && (given.Visit.ID != "visit" || j.Visit.ID == "visit" || st.Provider != "main") {
			t.Errorf("%s: visit %q became %q", name, given.Visit.ID, j.Visit.ID)
		}
	}
	full := Journey{Visit: &Visit{Verifier: strings.Repeat("x", 4000)}, Sweep: sweep()}
	if line, address := s.ResumeURL(app, &full); line != cookie.Own(app, MarkerCookie, "", 0) || address == "" {
		t.Errorf("without room: %s", line)
	}
}
