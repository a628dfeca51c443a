package universallogout

import (
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// expire adds the first expirations to a header of ours. It returns the number
// of the first that found no room, or -1. With a visit to come, it leaves alone
// what may be the provider's own: that goes when the browser is back.
func (l *logout) expire(hdr http.Header) (rest int) {
	budget, spared := cookie.ExpirationBudget, l.spared()
	if l.visit != nil || l.tour != nil {
		budget = visitBudget // the way to the provider needs room, too, and so does a tour
	}
	// A long return URL makes the address of the next answer long, twice sealed.
	budget -= cookie.LinesBytes(hdr["Set-Cookie"]) + max(0, len(l.target)-256)*2
	add := func(lines []string) {
		for _, line := range lines {
			hdr.Add("Set-Cookie", line)
		}
	}
	unseen, _ := cookie.Expirations(l.unseenNames(), l.unseenVariants(), l.own, 0, budget/2, spared)
	add(unseen)
	lines, rest := cookie.Expirations(l.names, l.variants, l.own, 0, budget-cookie.LinesBytes(unseen), spared)
	add(slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(unseen, line) }))
	if rest < 0 && spared != nil && !l.sibling {
		rest = 0
	}
	return rest
}

// visitBudget is cookie.ExpirationBudget for an answer that sends the browser to the
// provider: its address and the cookie for the way back take the rest.
const visitBudget = 1300

// spared tells the cookies that the provider may need to know whose session to
// end, nil if there are none: on a registrable domain that it shares with the
// app it may have set them for all of it.
func (l *logout) spared() func(string, cookie.Variant) bool {
	if l.visit == nil && (!l.sibling || l.h.run.provider == nil) || !slices.ContainsFunc(l.names, l.h.run.sessions.MayBeProviders) {
		return nil
	}
	host := l.h.run.provider.Host(l.own)
	if host != l.own.Hostname() && (origin.Registrable(host) == "" || origin.Registrable(host) != origin.Registrable(l.own.Hostname())) {
		return nil
	}
	return func(name string, v cookie.Variant) bool {
		reaches := v.Domain == host || v.Domain != "" && strings.HasSuffix(host, "."+v.Domain) || v.Domain == "" && host == l.own.Hostname()
		return reaches && l.h.run.sessions.MayBeProviders(name)
	}
}

// unseenNames are those that only the configuration knows. Further answers look
// at what is still presented, so the first one is all that these have.
func (l *logout) unseenNames() []string {
	return slices.DeleteFunc(slices.Clone(l.names), func(name string) bool {
		return slices.ContainsFunc(l.presented, func(c cookie.Cookie) bool { return c.Name == name })
	})
}

// unseenVariants are why a cookie is not presented: it is limited to a path.
func (l *logout) unseenVariants() (limited []cookie.Variant) {
	for _, v := range l.variants {
		if v.Path != "/" && v.Domain == "" && !v.Partitioned {
			limited = append(limited, v)
		}
	}
	return limited
}

// newLeftover remembers the cookies of a logout.
func (l *logout) newLeftover(next int) *cookie.Leftover {
	return cookie.NewLeftover(l.names, l.presented, l.path, l.h.run.cookiePaths, next)
}

// relay puts what the app's held answer does to the browser's cookies into
// ours. A session that the app begins anew is not passed on (CK-18).
func (l *logout) relay(hdr http.Header, res appcall.Result) {
	for _, line := range l.appCookies(res.Header["Set-Cookie"]) {
		if !slices.Contains(hdr["Set-Cookie"], line) {
			hdr.Add("Set-Cookie", line)
		}
	}
}

// appCookies are the lines of the app that may go to the browser. If they are
// many, those that delete what a line of ours deletes stay behind: there is
// room for one of both.
func (l *logout) appCookies(lines []string) (kept []string) {
	many := cookie.LinesBytes(lines) > maxRelayed
	for _, line := range lines {
		sc := cookie.ParseSet(line, l.began)
		if many && sc.Expired && slices.Contains(l.names, sc.Name) && slices.ContainsFunc(l.variants, func(v cookie.Variant) bool {
			return !v.Partitioned && v.Domain == sc.Domain && (v.Path == sc.Path || sc.Path == "" && v.Path == "/")
		}) {
			continue
		}
		if l.keepsAppCookie(line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// maxRelayed is how many bytes of an app's Set-Cookie lines pass as they are.
const maxRelayed = 1 << 10

func (l *logout) keepsAppCookie(line string) bool {
	return l.h.run.sessions.MayPass(cookie.ParseSet(line, l.began))
}

func (l *logout) setClearSiteData(hdr http.Header, types []string) {
	hdr.Del("Clear-Site-Data")
	if value := cookie.ClearSiteData(types); value != "" && l.secure {
		hdr.Set("Clear-Site-Data", value)
	}
}

// maxCookiePaths bounds the expirations that one cookie needs.
const maxCookiePaths = 4

// pathsOfCookies are the paths, besides the one of a request, that lead to the
// app and its logout: where its cookies may be limited to (CK-20).
func (h *Handler) pathsOfCookies() (paths []string) {
	add := func(path string) {
		if len(cookie.Paths(path)) > 1 && len(paths) < maxCookiePaths {
			paths = cookie.Union(paths, []string{path})
		}
	}
	if h.Base != "" {
		add(h.Base + "/logout")
	}
	for _, rule := range h.run.rules.List {
		if path := "/" + strings.Join(rule.Segments, "/"); !strings.Contains(path, "*") {
			add(path)
		}
	}
	if h.LogoutCall != nil {
		path, _, _ := strings.Cut(h.LogoutCall.Path, "?")
		add(path)
	}
	return paths
}

// expireAgain repeats the first expirations for what is still presented.
func expireAgain(hdr http.Header, r *http.Request, own origin.Origin, rest *cookie.Leftover) *cookie.Leftover {
	if rest == nil {
		return nil
	}
	lines, left := rest.Expire(r.Header["Cookie"], own)
	for _, line := range lines {
		hdr.Add("Set-Cookie", line)
	}
	return left
}

// setTypes sets Clear-Site-Data, "cookies" apart: that is for the cookie pass.
func setTypes(hdr http.Header, own origin.Origin, types []string) {
	if value := cookie.ClearSiteData(cookie.Without(types, cookie.ClearCookies)); value != "" && own.Trustworthy() {
		hdr.Set("Clear-Site-Data", value)
	}
}

// One answer has room for some expirations only. What is left goes with
// further answers at the logout's own path, because only there the browser
// shows cookies that are limited to the app's path. Each looks at what is still
// presented: what the lines so far have deleted needs no more of them.

// asksForSweep is the cheap question whether r may be a sweep.
func asksForSweep(r *http.Request) bool {
	return strings.HasPrefix(r.URL.RawQuery, logoutpath.OwnParameter+"=")
}

// serveSweep answers a request that is a sweep of ours. It reports whether it
// was one.
func (a *App) serveSweep(w http.ResponseWriter, r *http.Request) (answered bool, err error) {
	own := inbound.Origin(r)
	sweep, ok := a.seals.OpenSweep(r, own)
	if !ok {
		return false, nil
	}
	return true, a.answerSweep(w, r, own, sweep)
}

// answerSweep gives the next expirations. It never reaches the app.
func (a *App) answerSweep(w http.ResponseWriter, r *http.Request, own origin.Origin, sweep journey.Sweep) error {
	if guard.IsSpeculative(r.Header) {
		return pages.WriteComeAgain(w)
	}
	lines, left := sweep.Leftover.Expire(r.Header["Cookie"], own)
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	next := a.seals.EndURL(sweep)
	if sweep.Leftover = left; left != nil {
		next = a.seals.SweepURL(sweep)
	} else if sweep.Landing == nil {
		w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	}
	if left != nil && left.NeedsPage() {
		return pages.Write(w, http.StatusOK, pages.Going(next))
	}
	return pages.Redirect(w, next)
}
