package labtest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// CaddyMatches is the naive model of a host matcher: Caddy itself, asked about one name.
func CaddyMatches(t testing.TB, patterns []string, host string) bool {
	t.Helper()
	if patterns == nil {
		return true
	}
	r := &http.Request{Host: host}
	if strings.Contains(host, ":") {
		r.Host = "[" + host + "]"
	}
	ctx := context.WithValue(t.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	matches, err := caddyhttp.MatchHost(patterns).MatchWithError(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	return matches
}

// Payload is a return URL of an attacker, and where browsers go with it.
type Payload struct{ In, Browser string }

// Corpus reads the open-redirect payloads from a file of JSON.
func Corpus(t testing.TB, file string) (payloads []Payload) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &payloads); err != nil {
		t.Fatal(err)
	}
	if len(payloads) < 100 {
		t.Fatalf("only %d payloads", len(payloads))
	}
	return payloads
}
