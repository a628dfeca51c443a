package universallogout

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"

	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
)

const (

	// againCookie is set by the page that repeats a request by itself: see
	// internal/pages/script.html.
	againCookie = cookie.BrowserCookie + "-again"
)

// landing sums up a logout.
func (l *logout) landing(res appcall.Result, out outcome.Outcome) journey.Landing {
	if out == outcome.None && l.before != "" {
		out = l.before
	}
	done := journey.Landing{
		ID: l.id, Host: l.own.Host, Began: l.began.Unix(), Outcome: out,
		Target: l.target, Browser: rand.Text(),
		Clear: cookie.Union(l.h.clear, cookie.AppClearSiteData(res.Header["Clear-Site-Data"])),
	}
	if l.tour != nil {
		l.tour.Begin(l.app, out)
		done.Tour = l.tour
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
	done.GoOn = out != outcome.Failed && (out != outcome.None || !onSite)
	return done
}

// leadsToProvider: that is the visit's business, and may have a hint in it.
func (l *logout) leadsToProvider(target string) bool {
	host := l.h.provider.Host(l.own)
	o := origin.Parse(target)
	return host != l.own.Hostname() && o.Hostname() == host
}

// appTarget is where the app's own answer leads, if that is allowed.
func (l *logout) appTarget(res appcall.Result) string {
	location := res.Header.Get("Location")
	if res.Status < 300 || res.Status > 399 || location == "" {
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
	target, err := returnurl.Target(location, l.own, l.h.app.returns)
	if err != nil || l.leadsBack(target) || l.visit != nil && l.leadsToProvider(target) {
		return ""
	}
	return target
}

// pageOf is what a person reads of a landing.
func pageOf(l journey.Landing) pages.Page {
	p := pages.TextOutcome[l.Outcome].About(l.Host)
	p.Kind, p.Forget = "landing", true
	if text, ok := textProvider[l.ProviderOutcome]; ok {
		p.Provider = strings.Replace(text, "%s", l.Provider, 1)
	}
	if l.ProviderOutcome == journey.ProviderAlive && p.Mood != pages.MoodBad {
		p.Mood, p.Title = pages.TextNotAll.Mood, pages.TextNotAll.Title
	}
	if l.ProviderOutcome == journey.ProviderAlive && l.ProviderLink != "" {
		p.ProviderLink, p.ProviderLinkText = l.ProviderLink, fmt.Sprintf(pages.TextEndProvider, l.Provider)
	}
	switch {
	case l.Target != "":
		p.Link, p.LinkText = l.Target, fmt.Sprintf(pages.TextContinueTo, cmp.Or(origin.Parse(l.Target).Host, l.Host))
		if l.GoOn {
			p.Next = l.Target
		}
	case l.Outcome != "":
		p.Link, p.LinkText = "/", fmt.Sprintf(pages.TextBack, l.Host)
	}
	return p
}

// goOn is a page that does nothing but lead to the next.
func goOn(next string) pages.Page {
	p := pages.TextGoingOn
	p.Forget = true
	p.Next, p.Link, p.LinkText = next, next, pages.TextContinue
	return p
}

// answerAgain lets a page of ours repeat the request, fields and all, because
// the browser left something out that we need: cookies, which SameSite keeps
// back when another site starts a logout that it may start (BR-06), or
// the origin, on pages that withhold their referrer (BR-07).
//
// It does so by itself once in a while only: whoever takes the Referrer-Policy
// from our page too would have it repeated for ever.
func (h *Handler) answerAgain(w http.ResponseWriter, r *http.Request, status int) error {
	own := inbound.Origin(r)
	p := pages.TextGoingOn
	if cookie.Value(r.Header["Cookie"], againCookie) != "" {
		p = pages.TextAsk.About(own.Host)
	}
	p.Form = pages.RepeatForm(r)
	p.Form.ByItself = p.Mood == pages.MoodBusy
	if !guard.IsSafe(r.Method) {
		body, _ := appcall.BufferBody(w, r, time.Duration(h.app.Timeout))
		contentType := r.Header.Get("Content-Type")
		if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
			p.Form.Fields = pages.QueryFields(string(body))
		} else {
			p.Form.Fields = pages.QueryFields(returnurl.BodyValues(contentType, body).Encode())
		}
	}
	return pages.Write(w, status, p)
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
	own, c := inbound.Origin(r), guard.CallerOf(r)
	token := r.URL.Query().Get("t")
	l, ok := h.app.seals.OpenLanding(token, own)
	if !ok {
		if token != "" {
			h.logger.Info("a landing page with a token that is not ours, of another host, or too old",
				zap.String("host", own.Host), zap.String("client_ip", inbound.ClientIP(r)))
		}
		return answerBare(w)
	}
	if !c.Navigation && r.Method == http.MethodPost {
		return h.serveEviction(w, r, l)
	}
	bound := journey.IsFrom(r, own, l.Browser) && c.Navigation && guard.IsTopLevel(r) && r.Method != http.MethodHead
	if bound && c.ViaWorker && !r.URL.Query().Has("again") {
		// The page dismisses the worker; then the same address is ours alone.
		return pages.Write(w, http.StatusOK, goOn(h.app.Prefix+"/done?t="+url.QueryEscape(token)+"&again"))
	}
	if !bound {
		p := h.app.landingPage(l)
		p.Forget, p.Calls = false, nil
		return pages.Write(w, http.StatusOK, p)
	}
	return h.land(w, r, own, l)
}

// finish clears what the first answer of the logout could not.
func (a *App) finish(w http.ResponseWriter, r *http.Request, own origin.Origin, l journey.Landing, p pages.Page) error {
	h := w.Header()
	h.Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	if own.Trustworthy() && !guard.CallerOf(r).ViaWorker && len(l.Clear) > 0 {
		h.Set("Clear-Site-Data", cookie.ClearSiteData(l.Clear))
		if slices.Contains(l.Clear, cookie.ClearCache) {
			p.EvictFrom = p.Self
		}
	}
	return pages.Write(w, http.StatusOK, p)
}

// serveEviction is what the landing page fetches: a second answer with "cache"
// throws the app's pages out of the back/forward cache (BR-08).
func (h *Handler) serveEviction(w http.ResponseWriter, r *http.Request, l journey.Landing) error {
	if r.Method != http.MethodPost || guard.SoleValue(r.Header, "Sec-Fetch-Site") != "same-origin" || !slices.Contains(l.Clear, cookie.ClearCache) {
		return h.refuse(w, r, http.StatusForbidden)
	}
	pages.Headers(w.Header())
	w.Header().Set("Clear-Site-Data", cookie.ClearSiteData([]string{cookie.ClearCache}))
	w.WriteHeader(http.StatusNoContent)
	return nil
}
