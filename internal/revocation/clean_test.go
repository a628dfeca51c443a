package revocation

import (
	"testing"
	"time"
)

// TestRememberedLines: that a line was clean counts for nothing from the moment
// on in which something is revoked.
func TestRememberedLines(t *testing.T) {
	const line, other = "theme=dark; sid=" + opaqueID, "sid=" + opaqueID + "; theme=dark"
	for name, revoke := range map[string]func(*testing.T, *List, Fingerprint) Revocation{
		"credential": func(_ *testing.T, list *List, f Fingerprint) Revocation { return list.OfCredential(f, time.Time{}) },
		"session": func(t *testing.T, list *List, f Fingerprint) Revocation {
			if !list.Bind(f, Session{Issuer: "issuer", Sid: "sid"}) {
				t.Fatal("not bound")
			}
			return list.OfSession("issuer", "sid")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{testStart}
			list := openAt(t, c, Options{})
			fill(t, list, 1)
			clean := func(want bool) {
				t.Helper()
				for range 3 {
					for _, line := range []string{line, other} {
						if list.RefusesAny([]string{line}) == want {
							t.Errorf("clean: %t", !want)
						}
					}
				}
			}
			clean(true)
			f, _ := list.Fingerprint(opaqueID)
			r := revoke(t, list, f)
			clean(true)
			if err := list.Revoke(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			clean(false)
			c.now = testStart.Add(25 * time.Hour) // the clock jumps, and back
			clean(true)
			c.now = testStart
			clean(false)
		})
	}
}

// TestBoundToARefusedSession: also a line that was clean before it was known
// whose session it has.
func TestBoundToARefusedSession(t *testing.T) {
	list := openAt(t, &clock{testStart}, Options{})
	if err := list.Revoke(t.Context(), list.OfSession("issuer", "sid")); err != nil {
		t.Fatal(err)
	}
	lines := []string{"sid=" + opaqueID}
	for range 2 { // it is remembered the first time
		if list.RefusesAny(lines) {
			t.Error("refused before anybody knows whose it is")
		}
	}
	f, _ := list.Fingerprint(opaqueID)
	list.Bind(f, Session{Issuer: "issuer", Sid: "sid"})
	if !list.RefusesAny(lines) {
		t.Error("not refused")
	}
}
