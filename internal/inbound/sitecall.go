package inbound

import (
	"net/http"
)

type OwnCallKey struct{}

// isOwnCall reports whether a request is one of ours to an app. No client can
// make one.
func IsOwnCall(r *http.Request) bool { return r.Context().Value(OwnCallKey{}) != nil }
