package oidctest

// Mode is a set of ways to misbehave: op.Misbehave(WrongState | RevokeBusy).
type Mode uint32

// Behaves is the provider as it should be.
const Behaves Mode = 0

// All endpoints.
const (
	Fails Mode = 1 << iota // answers 500
	Hangs                  // answers nothing until the client or the test gives up

	// Discovery.
	HTML         // 200, but it is a web page
	WrongIssuer  // the document names another issuer
	NoEndSession // the document has no end_session_endpoint
	NoRevocation // the document has no revocation_endpoint

	// Redirects back to a client, after a sign-in and after a logout.
	WrongState // another state than was sent
	NoState    // none

	// The authorization endpoint.
	ConsentRequired     // says so to prompt=none
	InteractionRequired // says so to prompt=none

	// The token endpoint.
	TokenRefuses     // 400 invalid_grant
	NoIDToken        // the answer has no id_token
	WrongNonce       // in the ID token
	WrongAudience    // in the ID token
	ForeignSignature // the ID token is signed with another key, under our kid

	// The revocation endpoint.
	RevokeBusy  // 503 with Retry-After: 1
	RevokeFails // 500

	// The end_session_endpoint.
	Refuses // a 400 page, no redirect
	Asks    // the confirmation page, however good the hint is

	// The end_session_endpoint and the authorization endpoint.
	Circle // redirect to themselves
)

// Misbehave makes the provider misbehave in these ways only, from the next request on; Behaves ends it.
func (p *Provider) Misbehave(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
}

// is reports whether the provider misbehaves in this way.
func (p *Provider) is(m Mode) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode&m != 0
}
