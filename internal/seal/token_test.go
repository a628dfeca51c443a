package seal

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

type ticket struct {
	Name string `json:"n"`
	Made int64  `json:"m"`
	Also any    `json:"a,omitempty"`
}

const (
	tickets Token = "ticket"
	others  Token = "other"
)

var sealedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestTokenIsReadAgain: what was sealed comes back.
func TestTokenIsReadAgain(t *testing.T) {
	keys := newRing(t)
	given := ticket{Name: "x", Made: sealedAt.Unix()}
	var got ticket
	if !tickets.Open(keys, tickets.Seal(keys, given), &got) || got != given {
		t.Errorf("%+v", got)
	}
}

// TestRecent: to the second; clocks of nodes may differ.
func TestRecent(t *testing.T) {
	for after, want := range map[time.Duration]bool{
		0: true, time.Minute: true, time.Minute + 1: false, -time.Minute: true, -time.Minute - 1: false, 24 * time.Hour: false, -24 * time.Hour: false,
	} {
		if IsRecent(sealedAt.Unix(), time.Minute, sealedAt.Add(after)) != want {
			t.Errorf("%s later: recent is not %t", after, want)
		}
	}
}

// TestTokenIsOfOneKind: and of one ring; whatever else comes is the zero value.
func TestTokenIsOfOneKind(t *testing.T) {
	keys, another := newRing(t), newRing(t)
	given := ticket{Name: "x", Made: sealedAt.Unix()}
	for name, token := range map[string]string{
		"another kind":    others.Seal(keys, given),
		"another ring":    tickets.Seal(another, given),
		"nothing":         "",
		"no token":        "x",
		"no JSON":         keys.Seal("ticket", []byte("x")),
		"more than JSON":  keys.Seal("ticket", []byte(`{"n":"x"}{}`)),
		"no JSON in full": keys.Seal("ticket", []byte(`{"n":"x","m":"soon"}`)), // n is read before m
		"JSON of a list":  keys.Seal("ticket", []byte(`[]`)),
	} {
		var got ticket
		if ok := tickets.Open(keys, token, &got); ok || got != (ticket{}) {
			t.Errorf("%s: %t %+v", name, ok, got)
		}
	}
	if token := tickets.Seal(keys, ticket{Also: func() {}}); token != "" {
		t.Errorf("sealed what is no JSON: %q", token)
	}
}

// FuzzToken: what anybody sends opens nothing, and what another version of us
// has sealed is read in full or not at all.
func FuzzToken(f *testing.F) {
	keys := newRing(f)
	for _, seed := range []string{tickets.Seal(newRing(f), ticket{Name: "x"}), "", `{"n":"x","m":1767323045}`, `{"n":"x","m":"y"}`, `null`, `[]`, `{"m":1e99}`, `{"m":-9223372036854775808}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var got, want ticket
		if tickets.Open(keys, string(input), &got) || got.Name != "" {
			t.Errorf("opened %+v", got)
		}
		readable := json.Unmarshal(input, &want) == nil
		ok := others.Open(keys, keys.Seal("other", input), &got)
		if fits := len(keys.Seal("other", input)) <= maxToken; ok != (readable && fits) {
			t.Errorf("%q: open is %t", input, ok)
		}
		if ok && !bytes.Equal(marshal(got), marshal(want)) || !ok && got.Name != "" {
			t.Errorf("%q became %+v", input, got)
		}
	})
}

func marshal(v ticket) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}
