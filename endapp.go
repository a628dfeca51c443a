package universallogout

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// callResult is what became of an app's session that a logout at another site
// ended.
type callResult struct {
	outcome outcome.Outcome
	cookies []string // Set-Cookie lines of the app that may go on to the browser
}

// maxCallCookies is how many bytes of an app's Set-Cookie lines go on; what
// remains of its session is for our own expirations.
const maxCallCookies = 2 << 10

// ending is the end of one app's session by a call of ours.
type ending struct {
	h    *Handler
	from browserRequest
	next caddyhttp.Handler
	cut  string

	began     time.Time
	deadline  time.Time
	presented []cookie.Cookie // the session cookies that the next call has
	cookies   []string        // all that it has: name=value
	relayed   []string
}

// endSession ends the app's session in the name of a browser that presented it
// on this site, by logout_call or what follows from paths. cut is what
// handle_path cuts off before this handler sees a path. It returns by the
// call's timeout, whatever the handlers behind next do.
func (h *Handler) endSession(from browserRequest, next caddyhttp.Handler, own origin.Origin, cut string, presented []cookie.Cookie) callResult {
	if len(presented) == 0 {
		return callResult{outcome: outcome.None}
	}
	if h.call == nil || len(h.call.tries) == 0 {
		return callResult{outcome: outcome.Cleared}
	}
	e := &ending{
		h: h, from: from, next: next, cut: (&url.URL{Path: cut}).EscapedPath(),
		began: h.app.now(), deadline: time.Now().Add(h.call.timeout),
		presented: slices.Clone(presented), cookies: slices.Clone(from.cookies),
	}
	if !from.deadline.IsZero() && from.deadline.Before(e.deadline) {
		e.deadline = from.deadline
	}
	res, out, why := e.run()
	if out == outcome.Failed {
		e.logFailed(own, res, why)
	}
	return callResult{out, e.relayed}
}

// run fetches the CSRF token, if the app wants one, and sends the call. If the
// session could not be ended it says why, for the log.
func (e *ending) run() (res appResult, out outcome.Outcome, why string) {
	token := ""
	if csrf := e.h.call.csrf; csrf != nil {
		var page []byte
		res, page = e.send(csrf.page)
		e.take(res)
		if len(e.presented) == 0 {
			return res, outcome.Ended, "" // the app had no such session any more
		}
		var found bool
		if token, found = csrf.find(page); !found && errors.Is(res.err, context.DeadlineExceeded) {
			return res, outcome.Failed, tooLate
		} else if !found {
			return res, outcome.Failed, "logout_call: the page that csrf names has no token where its pattern looks for one, in the first 64 KiB; " +
				"name a page that signed-in users see, and a pattern that matches its source"
		}
	}
	for _, call := range e.h.call.tries {
		if token != "" {
			call = e.h.call.csrf.addTo(call, token)
		}
		res, _ = e.send(call)
		if out = e.outcome(res); out == outcome.Ended || !slices.Contains(noSuchLogout, res.status) {
			break
		}
	}
	if e.h.call.derived && out == outcome.Failed && slices.Contains(noSuchLogout, res.status) {
		return res, outcome.Cleared, "" // nothing was refused: there is no such logout
	}
	if res.status == 0 && errors.Is(res.err, context.DeadlineExceeded) {
		return res, out, tooLate
	}
	if e.h.call.derived {
		return res, out, "logout_call: the app did not end its session by a request that follows from paths; name the right one with logout_call"
	}
	return res, out, "logout_call: the app did not end its session"
}

const tooLate = "logout_call: the app did not answer in time"

func (e *ending) send(call siteCall) (appResult, []byte) {
	call.uri = e.cut + call.uri
	res, body := e.from.send(e.next, call, e.cookies, e.deadline)
	e.relay(res.header["Set-Cookie"])
	return res, body
}

// outcome of a call: as that of a logout, but statuses may count too.
func (e *ending) outcome(res appResult) outcome.Outcome {
	failed := res.status == 0 || res.status >= 400
	switch {
	case slices.Contains(e.h.call.success, res.status), res.endsSession(e.presented, failed, e.began):
		return outcome.Ended
	case failed:
		return outcome.Failed
	}
	return outcome.Cleared
}

// take lets the next call have the cookies that an answer sets: tokens are
// bound to them.
func (e *ending) take(res appResult) {
	lines, before := res.header["Set-Cookie"], slices.Clone(e.presented)
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		sc := cookie.ParseSet(line, e.began)
		pair := sc.Name + "=" + sc.Value
		if !cookie.IsCookieName(sc.Name) || cookie.IsOwn(sc.Name) || len(pair) > cookie.MaxCookieName || !httpguts.ValidHeaderFieldValue(pair) {
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
			e.presented = append(e.presented, cookie.Cookie{sc.Name, sc.Value})
		}
	}
}

// relay keeps the lines that may go on to the browser, the last of equal ones.
func (e *ending) relay(lines []string) {
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		if !e.h.sessions.MayPass(cookie.ParseSet(line, e.began)) {
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
func (e *ending) logFailed(own origin.Origin, res appResult, why string) {
	fields := []zap.Field{
		zap.String("host", own.Host), zap.String("app", e.h.appName()), zap.Int("app_status", res.status),
		zap.Duration("took", e.h.app.now().Sub(e.began)),
	}
	if crashed, ok := errors.AsType[panicked](res.err); ok {
		e.h.logger.Error("logout_call: a handler behind us panicked", append(fields, zap.Error(crashed))...)
		return
	}
	e.h.logger.Warn(why, fields...)
}
