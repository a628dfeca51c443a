package enforce

import (
	"encoding/base64"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Values that look like sessions.
const (
	revoked = "s3cr3t-0f-a-r3v0k3d-5e55i0n-0123456789"
	alive   = "s3cr3t-0f-an-al1v3-5e55i0n-9876543210"
)

// openList is a list of revocations in memory.
func openList(t testing.TB) *revocation.List {
	t.Helper()
	list, err := revocation.Open(t.Context(), revocation.Options{Key: revocation.Key{1}, Lifetime: time.Hour, Now: time.Now, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Close() })
	return list
}

// unsigned is a JWT with these claims that nobody signed.
func unsigned(claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString([]byte("no signature of anybody"))
}
