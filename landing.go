package universallogout

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	landingPurpose  = "landing"
	landingLifetime = 10 * time.Minute

	// browserCookie proves that the browser which shows a landing page is the
	// one that logged out: else a link to it would clear somebody's storage.
	browserCookie = "universal-logout"

	// againCookie is set by the page that repeats a request by itself: see
	// pages/script.html.
	againCookie = browserCookie + "-again"
)

// landing is what /done needs to know. It travels sealed in its address.
type landing struct {
	ID      string   `json:"i"`
	Host    string   `json:"h"`
	Began   int64    `json:"b"` // Unix seconds
	Outcome outcome  `json:"o"`
	Target  string   `json:"t,omitempty"`
	GoOn    bool     `json:"g,omitempty"` // to Target, by itself
	Clear   []string `json:"c,omitempty"` // for Clear-Site-Data
	Browser string   `json:"n,omitempty"` // value of browserCookie

	Provider        string          `json:"p,omitempty"`
	ProviderOutcome providerOutcome `json:"q,omitempty"`
	ProviderLink    string          `json:"u,omitempty"` // where a click ends the single sign-on
}

func (a *App) doneURL(l landing) string {
	plain, err := json.Marshal(l)
	if err != nil { // strings and numbers only
		return a.Prefix + "/done"
	}
	return a.Prefix + "/done?t=" + a.shared.keys.Seal(landingPurpose, plain)
}

// openLanding reads what doneURL sealed for this host, not too long ago.
func (a *App) openLanding(token string, own origin) (l landing, ok bool) {
	plain, err := a.shared.keys.Open(landingPurpose, token)
	if err != nil || json.Unmarshal(plain, &l) != nil {
		return landing{}, false
	}
	if l.Host != own.host || !a.recent(l.Began, landingLifetime) {
		return landing{}, false
	}
	return l, true
}

// recent reports whether a moment, in Unix seconds, is not longer ago than
// lifetime. Clocks of nodes may differ by a minute.
func (a *App) recent(moment int64, lifetime time.Duration) bool {
	age := a.now().Sub(time.Unix(moment, 0))
	return age >= -time.Minute && age <= lifetime
}

// isFrom reports whether r comes from the browser that was given this value
// of browserCookie.
func isFrom(r *http.Request, own origin, value string) bool {
	presented := cookieValue(r.Header["Cookie"], ownCookieName(own, browserCookie))
	return subtle.ConstantTimeCompare([]byte(presented), []byte(value)) == 1
}

// ownCookie is a cookie of ours that no script and no other host can touch.
// On plain http, where __Host- does not exist, it is an ordinary one.
func ownCookie(own origin, name, value string, lifetime time.Duration) string {
	line := fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", ownCookieName(own, name), value, int(lifetime.Seconds()))
	if own.https() {
		line += "; Secure"
	}
	return line
}

func ownCookieName(own origin, name string) string {
	if own.https() {
		return "__Host-" + name
	}
	return name
}

func isOwnCookie(name string) bool {
	return strings.HasPrefix(withoutSecurityPrefix(name), browserCookie)
}

// answerPerson sends the browser to the landing page, or shows it at once.
func (l *logout) answerPerson(w http.ResponseWriter, r *http.Request, res appResult, out outcome) error {
	h := w.Header()
	l.followApp(res)
	rd := l.round(l.landing(res, out), l.expire(h))
	done, next := *rd.Landing, l.h.app.onward(rd)
	inPlace := !isSafe(l.method) || isWebKit(r)
	if l.visit == nil && rd.isLast() && inPlace && !l.caller.viaWorker {
		// Here and now: the page with the form may forbid redirects to
		// elsewhere (browsers: form-action in Chromium, WebKit), and WebKit
		// takes Clear-Site-Data from no redirect, so that the app's service
		// worker could answer the one to the landing page.
		l.setClearSiteData(h, done.Clear)
		p := done.page()
		p.Self = l.h.app.doneURL(done)
		if slices.Contains(done.Clear, clearCache) && l.secure {
			p.EvictFrom = p.Self
		}
		return answerPage(w, http.StatusOK, p)
	}
	switch page := inPlace || l.caller.viaWorker; {
	case l.visit != nil && page:
		next = l.hop(h, rd) // a page must not have the provider's address in it: that has the hint
	case l.visit != nil:
		ctx, stop := context.WithDeadline(r.Context(), l.visitDeadline())
		defer stop()
		next = l.h.app.depart(ctx, h, l.own, pending{l.visit, rd})
	}
	h.Add("Set-Cookie", ownCookie(l.own, browserCookie, done.Browser, landingLifetime))
	if l.caller.viaWorker {
		// Not a word of Clear-Site-Data through a worker, it can hang the tab
		// (browsers: Chromium); the page dismisses the worker and goes on.
		return answerPage(w, http.StatusOK, goOn(next))
	}
	// "cookies" waits for the landing page: it would take browserCookie along,
	// and in Chromium the cookies of sites that are still needed (CSD-06).
	l.setClearSiteData(h, without(done.Clear, clearCookies))
	if !isSafe(l.method) || l.visit != nil && inPlace {
		return answerPage(w, http.StatusOK, goOn(next))
	}
	if l.visit != nil {
		return answerSecretRedirect(w, r, next)
	}
	return answerRedirect(w, next)
}

// visitDeadline leaves the way to the provider what the app has left of the
// time, and a moment if that is nothing: mostly all is known by then.
func (l *logout) visitDeadline() time.Time {
	if soon := time.Now().Add(visitGrace); soon.After(l.deadline) {
		return soon
	}
	return l.deadline
}

const visitGrace = 200 * time.Millisecond

// answerScript gives our JSON in place of an answer that a script could not use.
func (l *logout) answerScript(w http.ResponseWriter, res appResult, out outcome) error {
	h := w.Header()
	l.followApp(res)
	rd := l.round(l.landing(res, out), l.expire(h))
	types := rd.Landing.Clear
	answer := logoutAnswer{
		Success: out != outcomeFailed, Message: messageLoggedOut, LogoutID: l.id,
		Apps: []appOutcome{{Host: l.own.host, App: l.h.appName(), Outcome: out}},
	}
	if !answer.Success {
		answer.Message = messageFailed
	}
	// A script may go anywhere from here: the next page continues too.
	switch {
	case l.visit != nil:
		types = without(types, clearCookies)
		hop := l.hop(h, rd)
		answer.FrontChannelLogoutURL = l.own.String() + hop
		// Who goes to the landing page at once reads what is true by then.
		rd = rd.withProvider(l.h.provider.label(l.own), became{providerAlive, hop})
		rd.Landing.Clear = types // "cookies" would take the marker that the link needs
	case !rd.isLast():
		types = without(types, clearCookies)
		h.Add("Set-Cookie", l.marker(pending{Round: rd.withoutLanding()}))
	}
	answer.RedirectURL = l.h.app.onward(rd)
	if !slices.Contains(types, clearCookies) {
		h.Add("Set-Cookie", ownCookie(l.own, browserCookie, rd.Browser, landingLifetime))
	}
	l.setClearSiteData(h, types)
	return answerJSON(w, http.StatusOK, answer)
}

// expire adds the first expirations to a header of ours. It returns the number
// of the first that found no room, or -1. With a visit to come, it leaves alone
// what may be the provider's own: that goes when the browser is back.
func (l *logout) expire(h http.Header) (rest int) {
	budget, spared := expirationBudget, l.spared()
	if l.visit != nil {
		budget = visitBudget // the way to the provider needs room, too
	}
	// A long return URL makes the address of the next answer long, twice sealed.
	budget -= linesBytes(h["Set-Cookie"]) + max(0, len(l.target)-256)*2
	lines, rest := expirations(l.names, l.variants, l.own, 0, budget, spared)
	for _, line := range lines {
		h.Add("Set-Cookie", line)
	}
	if rest < 0 && spared != nil {
		rest = 0
	}
	return rest
}

// visitBudget is expirationBudget for an answer that sends the browser to the
// provider: its address and the cookie for the way back take the rest.
const visitBudget = 1300

// spared tells the cookies that the provider may need to know whose session to
// end, nil if there are none: on a registrable domain that it shares with the
// app it may have set them for all of it.
func (l *logout) spared() func(string, variant) bool {
	if l.visit == nil || !slices.ContainsFunc(l.names, l.h.sessions.mayBeProviders) {
		return nil
	}
	host := l.h.provider.host(l.own)
	if host != l.own.hostname() && (registrableDomain(host) == "" || registrableDomain(host) != registrableDomain(l.own.hostname())) {
		return nil
	}
	return func(name string, v variant) bool {
		reaches := v.domain == host || v.domain != "" && strings.HasSuffix(host, "."+v.domain) || v.domain == "" && host == l.own.hostname()
		return reaches && l.h.sessions.mayBeProviders(name)
	}
}

// round is what follows this answer, if only the landing page.
func (l *logout) round(done landing, rest int) round {
	rd := round{Host: l.own.host, Made: l.began.Unix(), Browser: done.Browser, Landing: &done}
	if rest >= 0 || l.visit != nil {
		rd.Rest = l.newLeftover(rest)
	}
	return rd
}

// hop is our address that goes on to the provider. What it needs to know stays
// with the browser, in the marker.
func (l *logout) hop(h http.Header, rd round) string {
	l.visit.ID = rand.Text()
	h.Add("Set-Cookie", l.marker(pending{l.visit, rd}))
	return l.h.app.Prefix + "/hop?t=" + l.h.app.sealState(l.visit.ID, l.own)
}

// isWebKit tells the engine by the only word it gives about itself.
func isWebKit(r *http.Request) bool {
	agent := r.Header.Get("User-Agent")
	return strings.Contains(agent, "AppleWebKit/") && !strings.Contains(agent, "Chrome/") && !strings.Contains(agent, "Chromium/")
}

// landing sums up a logout.
func (l *logout) landing(res appResult, out outcome) landing {
	done := landing{
		ID: l.id, Host: l.own.host, Began: l.began.Unix(), Outcome: out,
		Target: l.target, Browser: rand.Text(),
		Clear: union(l.h.clear, appClearSiteData(res.header["Clear-Site-Data"])),
	}
	if done.Target == "" && !l.leadsBack(l.h.returnTo) {
		done.Target = l.h.returnTo
	}
	if done.Target == "" {
		done.Target = l.appTarget(res)
	}
	// An app that sends visitors without a session to its logout would lead
	// them round in circles: without a session, they go on by a click.
	onSite := strings.HasPrefix(l.onSite(done.Target), "/")
	done.GoOn = out != outcomeFailed && (out != outcomeNone || !onSite)
	return done
}

// appTarget is where the app's own answer leads, if that is allowed.
func (l *logout) appTarget(res appResult) string {
	location := res.header.Get("Location")
	if res.status < 300 || res.status > 399 || location == "" {
		return ""
	}
	if !strings.HasPrefix(location, "/") && !strings.Contains(location, "://") {
		// Relative to the logout's own address, which is our origin's.
		u, err := l.url.Parse(location)
		if err != nil || u.Opaque != "" {
			return ""
		}
		local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}
		location = local.String()
	}
	target, err := returnTarget(location, l.own, l.h.app.returns)
	if err != nil || l.leadsBack(target) {
		return ""
	}
	return target
}

// page is what a person reads.
func (l landing) page() page {
	p := textOutcome[l.Outcome].about(l.Host)
	p.Kind, p.Forget = "landing", true
	if text, ok := textProvider[l.ProviderOutcome]; ok {
		p.Provider = strings.Replace(text, "%s", l.Provider, 1)
	}
	if l.ProviderOutcome == providerAlive && l.ProviderLink != "" {
		p.ProviderLink, p.ProviderLinkText = l.ProviderLink, fmt.Sprintf(textEndProvider, l.Provider)
	}
	switch {
	case l.Target != "":
		p.Link, p.LinkText = l.Target, textContinue
		if l.GoOn {
			p.Next = l.Target
		}
	case l.Outcome != "":
		p.Link, p.LinkText = "/", fmt.Sprintf(textBack, l.Host)
	}
	return p
}

// goOn is a page that does nothing but lead to the next.
func goOn(next string) page {
	p := textGoingOn
	p.Kind, p.Forget = "progress", true
	p.Next, p.Link, p.LinkText = next, next, textContinue
	return p
}

// answerAgain lets a page of ours repeat the request, fields and all, because
// the browser left something out that we need: cookies, which SameSite keeps
// back when another site starts a logout that it may start (browsers: 2.4), or
// the origin, on pages that withhold their referrer (browsers: 2.9).
//
// It does so by itself once in a while only: whoever takes the Referrer-Policy
// from our page too would have it repeated for ever.
func (h *Handler) answerAgain(w http.ResponseWriter, r *http.Request, status int) error {
	own := ownOrigin(r)
	p := textGoingOn
	p.Kind = "progress"
	if cookieValue(r.Header["Cookie"], againCookie) != "" {
		p = textAsk.about(own.host)
	}
	p.Form = repeatForm(r)
	p.Form.ByItself = p.Kind == "progress"
	if !isSafe(r.Method) {
		body, _ := bufferBody(w, r, time.Duration(h.app.Timeout))
		contentType := r.Header.Get("Content-Type")
		if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
			p.Form.Fields = queryFields(string(body))
		} else {
			p.Form.Fields = queryFields(bodyValues(contentType, body).Encode())
		}
	}
	return answerPage(w, status, p)
}

// serveDone is the landing page. Without a token of ours it is a bare "signed
// out"; without the cookie that the logout gave this browser it tells the
// outcome and touches nothing.
func (h *Handler) serveDone(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return h.refuse(w, r, http.StatusMethodNotAllowed)
	}
	own, c := ownOrigin(r), callerOf(r)
	token := r.URL.Query().Get("t")
	l, ok := h.app.openLanding(token, own)
	if !ok {
		if token != "" {
			h.logger.Info("a landing page with a token that is not ours, of another host, or too old",
				zap.String("host", own.host), zap.String("client_ip", clientIP(r)))
		}
		p := landing{}.page()
		p.Forget = false
		return answerPage(w, http.StatusOK, p)
	}
	if !c.navigation && r.Method == http.MethodPost {
		return h.serveEviction(w, r, l)
	}
	bound := isFrom(r, own, l.Browser) && c.navigation && isTopLevel(r) && r.Method != http.MethodHead
	if bound && c.viaWorker && !r.URL.Query().Has("again") {
		// The page dismisses the worker; then the same address is ours alone.
		return answerPage(w, http.StatusOK, goOn(h.app.Prefix+"/done?t="+url.QueryEscape(token)+"&again"))
	}
	p := l.page()
	p.Forget = bound
	if !bound {
		return answerPage(w, http.StatusOK, p)
	}
	return h.app.finish(w, r, own, l, p, c)
}

// finish clears what the first answer of the logout could not.
func (a *App) finish(w http.ResponseWriter, r *http.Request, own origin, l landing, p page, c caller) error {
	h := w.Header()
	h.Add("Set-Cookie", ownCookie(own, browserCookie, "", 0))
	if own.trustworthy() && !c.viaWorker && len(l.Clear) > 0 {
		h.Set("Clear-Site-Data", clearSiteData(l.Clear))
		if slices.Contains(l.Clear, clearCache) {
			p.EvictFrom = r.URL.RequestURI()
		}
	}
	return answerPage(w, http.StatusOK, p)
}

// serveEviction is what the landing page fetches: a second answer with "cache"
// throws the app's pages out of the back/forward cache (browsers: 2.7).
func (h *Handler) serveEviction(w http.ResponseWriter, r *http.Request, l landing) error {
	if r.Method != http.MethodPost || soleValue(r.Header, "Sec-Fetch-Site") != "same-origin" || !slices.Contains(l.Clear, clearCache) {
		return h.refuse(w, r, http.StatusForbidden)
	}
	answerHeaders(w.Header())
	w.Header().Set("Clear-Site-Data", clearSiteData([]string{clearCache}))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func isTopLevel(r *http.Request) bool {
	switch soleValue(r.Header, "Sec-Fetch-Dest") {
	case "", "document", "empty":
		return true
	}
	return false
}
