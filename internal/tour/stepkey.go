package tour

import "github.com/universal-logout/caddy-universal-logout/internal/origin"

// StepKey names a step of a logout: at one app, at one site.
type StepKey struct {
	logout string
	what   string
}

// AppKey is the step of one app's part.
func (t *Tour) AppKey(own origin.Origin, base string) StepKey {
	return StepKey{t.ID, own.String() + base}
}

// HopKey is the step of a site in this pass.
func (t *Tour) HopKey(own origin.Origin) StepKey {
	if t.Cookies {
		return StepKey{t.ID, "cookies hop " + own.String()}
	}
	return StepKey{t.ID, "hop " + own.String()}
}

// AppCookiesKey is the step of one app's part in the cookie pass.
func (t *Tour) AppCookiesKey(own origin.Origin, base string) StepKey {
	return StepKey{t.ID, "cookies " + own.String() + base}
}

// FinishedKey is the step that ends a logout's tour: the browser is back where
// it began.
func FinishedKey(logout string) StepKey { return StepKey{logout, "finished"} }
