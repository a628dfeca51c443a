package enforce

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

const (
	// revokedCookie remembers what a browser was sent away for.
	revokedCookie   = cookie.BrowserCookie + "-revoked"
	revokedLifetime = 10 * time.Minute
)

// refusal is what one request presented that is refused.
type refusal struct {
	seenBy   []*Policy // that have seen it
	own      origin.Origin
	names    []string         // of the cookies that the browser is to forget
	variants []cookie.Variant // in which shapes
	digest   string           // tells it from others
	expired  bool             // an answer says so
	now      func() time.Time
}

// takeRefused takes refused cookies out of a request, in place as handlers do:
// those behind us see the request without them, and error routes too. It
// returns nil if there are none.
func (p *Policy) takeRefused(list *revocation.List, r *http.Request) *refusal {
	kept, refused := p.withoutRefused(list, r.Header["Cookie"])
	if len(refused) == 0 {
		return nil
	}
	setCookies(r.Header, kept)
	own := inbound.Origin(r)
	return &refusal{
		own: own, now: p.Edge.Now, names: p.forgettable(refused, kept),
		variants: cookie.Variants(own, append([]string{logoutpath.CookiePath(inbound.URL(r))}, p.CookiePaths...)...),
		digest:   hex.EncodeToString(refused[0].Fingerprint[:4]),
	}
}

func setCookies(hdr http.Header, lines []string) {
	if len(lines) == 0 {
		delete(hdr, "Cookie")
		return
	}
	hdr["Cookie"] = lines
}

// forgettable are the names of refused cookies, but for those that another
// cookie of the request has too: that may be the session of who logged in
// again, and a name is all that an expiration has.
func (p *Policy) forgettable(refused []revocation.Refused, kept []string) (names []string) {
	others := make(map[string]bool)
	cookie.Each(kept, func(name, _ string) bool {
		others[name] = true
		return true
	})
	for _, c := range refused {
		if len(names) == cookie.MaxSessionCookies {
			break
		}
		kept := p.Sessions.ToldToKeep(c.Name) || p.Sessions.Keeps(c.Name) && !strings.ContainsAny(c.Value, ", \t")
		if c.Value != "" && cookie.IsName(c.Name) && !others[c.Name] && !kept && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// expire adds the lines that make the browser forget what was refused, except
// where the app has just set a cookie anew. It does so once.
func (ref *refusal) expire(hdr http.Header) {
	if ref == nil || ref.expired || len(ref.names) == 0 {
		return
	}
	ref.expired = true
	var set []cookie.Set
	for _, line := range hdr["Set-Cookie"] {
		if sc := cookie.ParseSet(line, ref.now()); !sc.Expired {
			set = append(set, sc)
		}
	}
	spared := func(name string, v cookie.Variant) bool {
		return slices.ContainsFunc(set, func(sc cookie.Set) bool {
			return sc.Name == name && sc.Domain == v.Domain && sc.Partitioned == v.Partitioned && (sc.Path == v.Path || !strings.HasPrefix(sc.Path, "/"))
		})
	}
	lines, rest := cookie.Expirations(ref.names, ref.variants, ref.own, 0, cookie.ExpirationBudget/2, spared)
	if rest >= 0 {
		// Nobody remembers what this browser was told before: beside what is
		// most likely it is told another part each time.
		rest += rand.IntN(len(ref.names)*len(ref.variants) - rest) //nolint:gosec // no secret
		more, _ := cookie.Expirations(ref.names, ref.variants, ref.own, rest, cookie.ExpirationBudget/2, spared)
		lines = append(lines, more...)
	}
	if len(lines) == 0 {
		return
	}
	for _, line := range lines {
		hdr.Add("Set-Cookie", line)
	}
	// A cache in front of us must not give these lines to anybody else.
	hdr.Set("Cache-Control", "no-store")
	for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control", "Expires"} {
		hdr.Del(name)
	}
}

// ForApp is the request of a logout as the app may see it: without what is
// refused. Apps read paths and queries in more ways than one, so that what is a
// logout to us may be anything to them. What was taken out is for the handler
// of ours behind this one that knows the app better.
func (p *Policy) ForApp(r *http.Request) (asked *http.Request, taken http.Header) {
	list := p.Edge.Await(r.Context())
	if list == nil || list.IsEmpty() || !p.refusesCookies(list, r.Header["Cookie"]) && !p.refusesHeaders(list, r.Header) {
		return r, nil
	}
	asked = r.WithContext(r.Context())
	asked.Header = r.Header.Clone()
	kept, refused := p.withoutRefused(list, r.Header["Cookie"])
	setCookies(asked.Header, kept)
	if len(refused) > 0 {
		p.Edge.Refused("cookie")
	}
	if p.takeRefusedHeaders(list, asked.Header) != "" {
		p.Edge.Refused("header")
	}
	taken = make(http.Header)
	for name, lines := range r.Header {
		if len(asked.Header[name]) != len(lines) || name == "Cookie" {
			taken[name] = lines
		}
	}
	return asked, taken
}

// dropRefused keeps an answer from setting a refused value again (CK-19).
func dropRefused(hdr http.Header, list *revocation.List, now time.Time) {
	lines := hdr["Set-Cookie"]
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if sc := cookie.ParseSet(line, now); sc.Expired || !list.Refuses(sc.Value) {
			kept = append(kept, line)
		}
	}
	switch {
	case len(kept) == len(lines):
	case len(kept) == 0:
		hdr.Del("Set-Cookie")
	default:
		hdr["Set-Cookie"] = kept
	}
}
