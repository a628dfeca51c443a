package appcall

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// EndResult is what became of an app's session that a logout at another site ended.
type EndResult struct {
	Outcome outcome.Outcome
	Cookies []string // Set-Cookie lines of the app that may go on to the browser
}

// maxCallCookies is how many bytes of an app's Set-Cookie lines go on; what
// remains of its session is for our own expirations.
const maxCallCookies = 2 << 10

// Ending ends sessions of one app by calls of ours.
type Ending struct {
	Call     *LogoutCall
	Sessions *cookie.Rules
	App      string // its name in the log
	Now      func() time.Time
	Logger   *zap.Logger
}

// sessionEnd is the end of one session.
type sessionEnd struct {
	*Ending
	from Browser
	next caddyhttp.Handler
	cut  string

	began     time.Time
	deadline  time.Time
	presented []cookie.Cookie // the session cookies that the next call has
	cookies   []string        // all that it has: name=value
	relayed   []string
}

// End ends the app's session in the name of a browser that presented it on this
// site, by logout_call or what follows from paths. cut is what handle_path cuts
// off before the app's handler sees a path. It returns by the call's timeout,
// whatever the handlers behind next do.
func (e *Ending) End(from Browser, next caddyhttp.Handler, own origin.Origin, cut string, presented []cookie.Cookie) EndResult {
	if len(presented) == 0 {
		return EndResult{Outcome: outcome.None}
	}
	if e.Call == nil || len(e.Call.Tries) == 0 {
		return EndResult{Outcome: outcome.Cleared}
	}
	one := &sessionEnd{
		Ending: e, from: from, next: next, cut: (&url.URL{Path: cut}).EscapedPath(),
		began: e.Now(), deadline: time.Now().Add(e.Call.Timeout),
		presented: slices.Clone(presented), cookies: slices.Clone(from.cookies),
	}
	if !from.Deadline.IsZero() && from.Deadline.Before(one.deadline) {
		one.deadline = from.Deadline
	}
	res, out, why := one.run()
	if out == outcome.Failed {
		one.logFailed(own, res, why)
	}
	return EndResult{out, one.relayed}
}

// run fetches the CSRF token, if the app wants one, and sends the call. If the
// session could not be ended it says why, for the log.
func (e *sessionEnd) run() (res Result, out outcome.Outcome, why string) {
	token := ""
	if csrf := e.Call.CSRF; csrf != nil {
		res = e.send(csrf.Page)
		e.take(res)
		if len(e.presented) == 0 {
			return res, outcome.Ended, "" // the app had no such session any more
		}
		var found bool
		if token, found = csrf.find(res.Body); !found && errors.Is(res.Err, context.DeadlineExceeded) {
			return res, outcome.Failed, tooLate
		} else if !found {
			return res, outcome.Failed, "logout_call: the page that csrf names has no token where its pattern looks for one, in the first 64 KiB; " +
				"name a page that signed-in users see, and a pattern that matches its source"
		}
	}
	for _, call := range e.Call.Tries {
		if token != "" {
			call = e.Call.CSRF.addTo(call, token)
		}
		res = e.send(call)
		if out = e.outcome(res); out == outcome.Ended || !res.HasNoLogout() {
			break
		}
	}
	if e.Call.Derived && out == outcome.Failed && res.HasNoLogout() {
		return res, outcome.Cleared, "" // nothing was refused: there is no such logout
	}
	if res.Status == 0 && errors.Is(res.Err, context.DeadlineExceeded) {
		return res, out, tooLate
	}
	if e.Call.Derived {
		return res, out, "logout_call: the app did not end its session by a request that follows from paths; name the right one with logout_call"
	}
	return res, out, "logout_call: the app did not end its session"
}

const tooLate = "logout_call: the app did not answer in time"

func (e *sessionEnd) send(call Call) Result {
	call.URI = e.cut + call.URI
	res := e.from.send(e.next, call, e.cookies, e.deadline)
	e.relay(res.Header["Set-Cookie"])
	return res
}

// outcome of a call: as that of a logout, but statuses may count too.
func (e *sessionEnd) outcome(res Result) outcome.Outcome {
	failed := res.Status == 0 || res.Status >= 400
	switch {
	case slices.Contains(e.Call.Success, res.Status), res.EndsSession(e.presented, failed, e.began):
		return outcome.Ended
	case failed:
		return outcome.Failed
	}
	return outcome.Cleared
}

// take lets the next call have the cookies that an answer sets: tokens are
// bound to them.
func (e *sessionEnd) take(res Result) {
	lines, before := res.Header["Set-Cookie"], slices.Clone(e.presented)
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		sc := cookie.ParseSet(line, e.began)
		pair := sc.Name + "=" + sc.Value
		if !cookie.IsName(sc.Name) || cookie.IsOwn(sc.Name) || len(pair) > cookie.MaxName || !httpguts.ValidHeaderFieldValue(pair) {
			continue
		}
		isIt := func(c cookie.Cookie) bool { return c.Name == sc.Name }
		e.presented = slices.DeleteFunc(e.presented, isIt)
		e.cookies = slices.DeleteFunc(e.cookies, func(c string) bool {
			name, _, _ := strings.Cut(c, "=")
			return strings.Trim(name, " \t") == sc.Name
		})
		if sc.Expired {
			continue
		}
		e.cookies = append(e.cookies, pair)
		if slices.ContainsFunc(before, isIt) {
			e.presented = append(e.presented, cookie.Cookie{Name: sc.Name, Value: sc.Value})
		}
	}
}

// relay keeps the lines that may go on to the browser, the last of equal ones.
func (e *sessionEnd) relay(lines []string) {
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		if !e.Sessions.MayPass(cookie.ParseSet(line, e.began)) {
			continue
		}
		e.relayed = slices.DeleteFunc(e.relayed, func(before string) bool { return before == line })
		if cookie.LinesBytes(e.relayed)+cookie.LinesBytes([]string{line}) <= maxCallCookies {
			e.relayed = append(e.relayed, line)
		}
	}
}

// logFailed names nothing that the configuration or the app may hold secret: no
// path, no header, no cookie.
func (e *sessionEnd) logFailed(own origin.Origin, res Result, why string) {
	fields := []zap.Field{
		zap.String("host", own.Host), zap.String("app", e.App), zap.Int("app_status", res.Status),
		zap.Duration("took", e.Now().Sub(e.began)),
	}
	if crashed, ok := errors.AsType[PanicError](res.Err); ok {
		e.Logger.Error("logout_call: a handler behind us panicked", append(fields, zap.Error(crashed))...)
		return
	}
	e.Logger.Warn(why, fields...)
}
