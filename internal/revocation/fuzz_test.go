package revocation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// FuzzCookieLines: RefusesAny and WithoutRefused agree, what is kept holds
// nothing that is refused, and a refused value is found beside anything.
func FuzzCookieLines(f *testing.F) {
	for _, line := range []string{
		"", ";;;;", "a=b; c=d", "sid=" + opaqueID, `sid="` + octal(opaqueID) + `"`, "sid=" + percent(opaqueID), "a=b,sid=" + opaqueID + " c",
		"a.1=" + opaqueID[9:] + "; a.0=" + opaqueID[:9] + ";a.2=", "b1=x;b0=y;b0=z;b1=" + hexID,
		`a="; sid=` + opaqueID + `; b="`, "=" + opaqueID, "%", `"\`, "a=%%%%%%%%%%%%%%%%%%%%%%%%%%%", "t=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "\x00\xff=\xff",
		`a="` + strings.Repeat(`\7`, 40), "t=e" + strings.Repeat("%2e", 4) + opaqueID,
	} {
		f.Add(line, "a=b")
	}
	own, list := open(f), open(f)
	revoke(f, list, opaqueID, hexID, uuid, padded, python)
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		kept, refused := list.WithoutRefused(lines)
		if any := list.RefusesAny(lines); any != (len(refused) > 0) {
			t.Errorf("RefusesAny %v, refused %v", any, refused)
		}
		if list.RefusesAny(kept) {
			t.Errorf("kept %q", kept)
		}
		if !list.RefusesAny([]string{first + ";sid=" + opaqueID + ";" + second}) {
			t.Error("passes between others")
		}
		// Whatever can be revoked is refused in the spelling presented.
		value, _, _ := strings.Cut(first, ";")
		printed, ok := own.Fingerprint(value)
		if !ok || errors.Is(own.Revoke(t.Context(), own.OfCredential(printed, time.Time{})), ErrFull) {
			return
		}
		if !own.RefusesAny([]string{"x=" + value}) || !own.Refuses(value) {
			t.Errorf("%q was revoked and passes", value)
		}
		if !strings.ContainsAny(value, `%"`) && !own.Refuses(percent(strings.Trim(value, " \t"))) {
			t.Errorf("%q was revoked and passes in percent", value)
		}
	})
}

// FuzzRecord: whatever a journal holds, a list takes it.
func FuzzRecord(f *testing.F) {
	e := entry{kind: ofBinding, until: 1 << 31, fingerprint: Fingerprint{1}, sid: digest{2}, sub: digest{3}, issuer: 4, moment: 5}
	for k := range kind(6) {
		e.kind = k
		r := e.encode()
		f.Add(r[:])
	}
	list := open(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var r journal.Record
		copy(r[:], data)
		if e, ok := decode(&r); ok {
			again := e.encode()
			if d, ok := decode(&again); !ok || d != e {
				t.Errorf("%+v became %+v", e, d)
			}
		}
		list.merge([]journal.Record{r, r})
	})
}
