// Package guard decides who may log out the person behind a request.
package guard

import (
	"net/http"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// LogoutMethods are those of a logout. HEAD is a GET that ends nothing.
var LogoutMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// IsSafe reports whether a method changes nothing: GET and HEAD.
func IsSafe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// Verdict is what the guard says about a request on a logout path.
type Verdict int

const (
	Logout      Verdict = iota // do it
	Ask                        // the confirmation page
	Refuse                     // 403
	RefuseAsk                  // 403, with the confirmation page
	Speculative                // 503: the browser only guesses; it comes again if the user does
	NotAllowed                 // 405
	Pass                       // no logout whatever its path: on to the app
)

// Check decides who may log out the person behind r: the README's table. trusted
// tells the origins of other sites that may start a logout here; allowCrossSite
// lets every page do so.
func Check(r *http.Request, own origin.Origin, trusted func(origin.Origin) bool, allowCrossSite bool) Verdict {
	if IsSpeculative(r.Header) {
		return Speculative
	}
	friend := func(o origin.Origin) bool { return o != (origin.Origin{}) && (o == own || trusted(o)) }

	if r.Method == http.MethodOptions {
		return Pass
	}
	if r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 {
		// Only a WebSocket handshake can reach us from another site's page like
		// this, and it always names its Origin. An app that does not look at
		// Upgrade would take it for a plain GET of its logout.
		if o := r.Header["Origin"]; len(o) > 0 && !friend(origin.Parse(SoleValue(r.Header, "Origin"))) {
			return Refuse
		}
		return Pass
	}
	if r.Method != http.MethodHead && !slices.Contains(LogoutMethods, r.Method) {
		return NotAllowed
	}
	if !IsTopLevel(r) {
		return Refuse // frames, images, scripts: CSRF-06
	}
	if IsSafe(r.Method) {
		return checkGet(r, own, friend, allowCrossSite)
	}
	return checkPost(r, own, friend, allowCrossSite)
}

func checkGet(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) Verdict {
	c := CallerOf(r)
	site := SoleValue(r.Header, "Sec-Fetch-Site")
	referer := origin.Parse(r.Header.Get("Referer"))
	switch {
	case !c.Navigation && site == "":
		if friend(referer) && !acceptsSubresource(r) {
			return Logout
		}
		return Refuse
	case !c.Navigation:
		if site == "same-origin" {
			return Logout
		}
		return Refuse
	case allowCrossSite:
		return Logout
	case c.ViaWorker && !fromFriend(r, friend):
		return Ask
	case site == "":
		if referer != (origin.Origin{}) && referer == own {
			return Logout
		}
		return Ask
	case site == "same-origin" || site == "none":
		return Logout
	case (site == "same-site" || site == "cross-site") && referer != own && friend(referer):
		// Our own origin as Referer of a request that is not same-origin: the
		// way led from our page over somebody else's redirect.
		return Logout
	default:
		return Ask
	}
}

func checkPost(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) Verdict {
	if allowCrossSite {
		return Logout
	}
	site := SoleValue(r.Header, "Sec-Fetch-Site")
	referer := r.Header.Get("Referer")
	if len(r.Header["Origin"]) == 0 {
		switch {
		case site != "" && site != "same-origin":
			return RefuseAsk
		case referer != "" && !friend(origin.Parse(referer)):
			return RefuseAsk
		}
		return Logout // our own page, or no browser
	}
	source := origin.Parse(SoleValue(r.Header, "Origin"))
	if !friend(source) {
		return RefuseAsk
	}
	if source == own && SoleValue(r.Header, "Sec-Fetch-Dest") == "empty" {
		// A service worker may have sent it on: then Origin is its own.
		switch {
		case referer != "" && !friend(origin.Parse(referer)):
			return RefuseAsk
		case CallerOf(r).ViaWorker && isScript(referer):
			return RefuseAsk
		}
	}
	return Logout
}
