package universallogout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// logout is one act of logging out of one app.
type logout struct {
	h      *Handler
	id     string
	began  time.Time
	own    origin.Origin
	caller guard.Caller
	method string
	url    *url.URL // as the browser sees it
	path   string   // the same path, in the spelling that every browser reads alike
	cut    string   // what handle_path cut off its path

	presented []cookie.Cookie  // the session cookies of the request
	names     []string         // what to expire
	variants  []cookie.Variant // in which shapes
	target    string           // where to go afterwards, if the request says so
	secure    bool             // Clear-Site-Data means something here

	cookies []string        // the Cookie lines of the request
	tokens  provider.Tokens // of the provider, among them
	visit   *journey.Visit  // to the provider, nil for none
	tour    *tour.Tour      // through the other sites, nil for none
	appNo   int             // the number of this app in the tour
	sibling bool            // the logout began at another site

	credentials []enforce.Credential // what this logout has refused
	refusable   bool                 // every session cookie is among the credentials
	concluded   outcome.Outcome      // what conclude said, "" before
	revoked     int                  // how many entries the list of revocations got

	before   outcome.Outcome // of the logout that this one goes on with, "" for none
	deadline time.Time       // of the server-side part

	asked time.Duration // how long the app took, 0 if it was not asked
}

// serveLogout answers a request on a logout path.
func (h *Handler) serveLogout(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	outer := appcall.AnswerAwaited(r)
	inBlock := outer != nil
	if inBlock && h.Role != roleApp {
		return next.ServeHTTP(w, r) // the handler of this site that came first has it
	}
	own := inbound.Origin(r)
	verdict := guard.Check(r, own, h.edge.friends(r, own, h), h.AllowCrossSite)
	if inBlock && verdict != guard.Pass {
		// A handler for the whole site is asking its app, and we are that app's own
		// handler: we take over its answer, and put back what it took out of the
		// request.
		var inTime bool
		if w, inTime = outer.Claim(); !inTime {
			return appcall.ErrDiscarded
		}
		maps.Copy(r.Header, outer.Taken)
	}
	if verdict == guard.Pass {
		return h.run.policy.Serve(w, r, next, false)
	}
	if verdict != guard.Logout {
		return h.answerVerdict(w, r, verdict, own)
	}
	if r.Method == http.MethodHead {
		// HTTP-02: the bare landing page, and nothing of what GET would do.
		return pages.Redirect(w, h.edge.Prefix+"/done")
	}
	l := h.newLogout(r, own)
	if len(l.presented) == 0 && l.caller.Navigation && guard.SoleValue(r.Header, "Sec-Fetch-Site") == "cross-site" {
		return h.answerAgain(w, r, http.StatusOK)
	}
	if !inBlock && !l.mayHaveSession(r) && !h.edge.process.limit.Allow(inbound.ClientIP(r), 1, l.began) {
		return h.answerError(w, r, http.StatusTooManyRequests)
	}
	return l.serve(w, r, next)
}

// newLogout reads what clearing would destroy and prepares the clearing, so
// that nothing that happens later can prevent it.
func (h *Handler) newLogout(r *http.Request, own origin.Origin) *logout {
	l := h.readLogout(r, own, inbound.URL(r))
	l.tour = l.newTour(r)
	l.visit = l.newVisit(r) // needs the tour: with one, there may be a session elsewhere
	return l
}

// readLogout is what the end of this app's session needs, wherever the logout
// began. A request to u decides where the cookies of the app may lie.
func (h *Handler) readLogout(r *http.Request, own origin.Origin, u *url.URL) *logout {
	l := &logout{
		h: h, id: newID(), began: h.edge.now(), own: own, caller: guard.CallerOf(r), method: r.Method, url: u,
		presented: h.run.sessions.In(r.Header["Cookie"]),
		secure:    own.Trustworthy(),
	}
	if cut, found := strings.CutSuffix(l.url.Path, r.URL.Path); found {
		l.cut = cut
	}
	for _, c := range l.presented {
		if !slices.Contains(l.names, c.Name) {
			l.names = append(l.names, c.Name)
		}
	}
	for _, name := range h.run.sessions.Configured {
		if !slices.Contains(l.names, name) {
			l.names = append(l.names, name)
		}
	}
	l.cookies = r.Header["Cookie"]
	l.credentials, l.refusable = h.run.policy.CredentialsIn(r, l.presented)
	l.tokens = h.tokensIn(r, l.presented)
	l.path = logoutpath.CookiePath(l.url)
	l.variants = cookie.Variants(own, append([]string{l.path}, h.run.cookiePaths...)...)
	return l
}

func newID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// serve goes through the steps of a logout. What clearing would destroy is read
// by now, and the clearing is prepared: see newLogout. Tokens are in tokens.go,
// what is refused in revoke.go, the audit log in audit.go, cookies in cookies.go.
func (l *logout) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	l.begin(r)
	body, detach := appcall.BufferBody(w, r, time.Until(l.deadline))
	defer detach()
	l.chooseTarget(returnurl.Requested(r, body))

	res := l.askApp(w, r, next) // an answer that passes to a script is amended, and so concluded, in there
	if res.Claimed {
		return res.PassOn()
	}
	l.endTokens(res.Passed)
	said := l.outcome(res)
	out := l.conclude(r, said)
	l.log(r, res, said, out)
	if res.Passed {
		return l.passed(res)
	}

	// The tour, the provider and the landing page are the browser's way: it
	// begins with our answer.
	l.relay(w.Header(), res)
	if l.caller.Navigation {
		return l.answerPerson(w, r, res, out)
	}
	return l.answerScript(w, res, out)
}

// begin starts the time of the server-side part. While the app is busy, the
// provider is asked what a visit will need to know.
func (l *logout) begin(r *http.Request) {
	l.deadline = time.Now().Add(time.Duration(l.h.edge.Timeout))
	if outer := appcall.AnswerAwaited(r); outer != nil {
		l.deadline = outer.Deadline // its time is running already
	}
	if l.visit != nil && l.caller.Navigation {
		go l.h.edge.getReady(context.WithoutCancel(r.Context()), l.own, *l.visit)
	}
}

// askApp lets the app end its session: it gets the browser's own request. What
// it answers to a script passes, with what amend adds.
func (l *logout) askApp(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) appcall.Result {
	pass := func(status int) bool { return !l.caller.Navigation && status >= 200 && status < 300 }
	answer := appcall.NewAnswer(w, pass, func(hdr http.Header) { l.amend(hdr, r) }, l.deadline)
	asked, taken := l.h.run.policy.ForApp(r)
	answer.Taken = taken
	from := appcall.BrowserOf(r, l.own) // while nothing else has it
	began := time.Now()
	res := appcall.Ask(asked, next, answer)
	l.asked = time.Since(began)
	if !res.Claimed && l.isRefused(asked) {
		l.endRefused(from, next)
	}
	return res
}

// passed ends a logout whose script has the app's own answer.
func (*logout) passed(res appcall.Result) error {
	if res.Err != nil {
		panic(http.ErrAbortHandler) // half a body is out: break it off, as Caddy does
	}
	return nil
}

// chooseTarget takes the first return URL of the request that is allowed. A
// bad one never stops a logout.
func (l *logout) chooseTarget(requested []string) {
	dropped := 0
	for _, raw := range requested {
		target, err := returnurl.Target(raw, l.own, l.h.edge.run.returns)
		if err == nil && !l.leadsBack(target) {
			l.target = target
			break
		}
		dropped++
	}
	if dropped > 0 {
		l.h.logger.Warn("dropped return URLs that are not allowed; see allowed_return_urls",
			zap.String("logout_id", l.id), zap.String("host", l.own.Host), zap.Int("dropped", dropped))
	}
}

// leadsBack reports whether a return target would log out again: the browser
// would go round in circles.
func (l *logout) leadsBack(target string) bool {
	target = l.onSite(target)
	return l.h.leadsBack(target, "") || l.h.leadsBack(target, l.cut)
}

// onSite is a target as a path, if it lies on our own site.
func (l *logout) onSite(target string) string {
	if local, found := strings.CutPrefix(target, l.own.String()+"/"); found {
		return "/" + local
	}
	return target
}

// leadsBack compares with the paths as this handler sees them: without what
// handle_path cut off.
func (h *Handler) leadsBack(target, cut string) bool {
	if !strings.HasPrefix(target, "/") {
		return false
	}
	u, err := url.Parse(target)
	if err != nil || h.edge.owns(u.Path) {
		return true
	}
	u.Path = strings.TrimPrefix(u.Path, cut)
	return h.run.rules.Match(&http.Request{Method: http.MethodGet, URL: u})
}

// appName is the app's name for people and programs: where it lies.
func (h *Handler) appName() string {
	if h.Base == "" {
		return "/"
	}
	return h.Base
}

// outcome says how the app's own logout went. A page that the app answered
// with is no proof, whatever its status: only the session cookie is.
func (l *logout) outcome(res appcall.Result) outcome.Outcome {
	if len(l.presented) == 0 {
		return outcome.None
	}
	failed := res.Status == 0 || res.Status >= 400
	if failed && l.tokens.AreAll(l.presented) && res.HasNoLogout() {
		failed = false // a session made of the provider's tokens only: there is nothing for the app to end
	}
	switch {
	case res.EndsSession(l.presented, failed, l.began):
		return outcome.Ended
	case failed:
		return outcome.Failed
	}
	return outcome.Cleared
}
