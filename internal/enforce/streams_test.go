package enforce

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestRevokedWhileOpening: a session may end between the look at the request
// and the stream's registration.
func TestRevokedWhileOpening(t *testing.T) {
	list := openList(t)
	f, _ := list.Fingerprint("0123456789abcdef0123456789abcdef")
	if err := list.Revoke(t.Context(), list.OfCredential(f, time.Time{})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{isRefused: func() bool { return list.RefusesFingerprint(f) }, cancel: cancel, done: make(chan struct{}), client: http.NewResponseController(httptest.NewRecorder())}
	var ss Streams
	if !ss.add(s, list) {
		t.Fatal("is full")
	}
	<-ctx.Done()
	if !s.end() {
		t.Error("it does not say that it was refused")
	}
	ss.remove(s)
}
