package universallogout

import (
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// serveEverywhere is "sign out everywhere": a page with one button, and what
// the button does.
func (h *Handler) serveEverywhere(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	own := inbound.Origin(r)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if !guard.IsTopLevel(r) {
			return h.answerError(w, r, http.StatusForbidden)
		}
		return pages.Write(w, http.StatusOK, h.everywherePage(r, own, pages.AskEverywhere))
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return h.answerError(w, r, http.StatusMethodNotAllowed)
	}
	main, _ := h.mainOf(r, own)
	if guard.Check(r, own, h.edge.friends(r, own, main), false) != guard.Logout {
		if !guard.CallerOf(r).Navigation {
			return h.answerError(w, r, http.StatusForbidden)
		}
		return h.answerForeign(w, r)
	}
	l := main.newLogout(r, own)
	if !l.mayHaveSession(r) && !h.edge.process.limit.Allow(inbound.ClientIP(r), 1, l.began) {
		return h.answerError(w, r, http.StatusTooManyRequests)
	}
	return l.serveEverywhere(w, r, next)
}

// mainOf is the handler that a sign-out everywhere begins with: that of the app
// at the root of the site, if there is one. Its group is the site's.
func (h *Handler) mainOf(r *http.Request, own origin.Origin) (main *Handler, group string) {
	base := ""
	for _, p := range h.edge.registry().mountsAt(h.edge.serverOf(r), own.Hostname()) {
		if main == nil || base != "" && p.base() == "" {
			main, base = p.Handler, p.base()
		}
	}
	if main == nil {
		main = h // addresses alone, in a config without an app
	}
	group = h.edge.groupOf(main)
	all := *main
	all.Fanout = fanoutOn // what the app says about its own logout
	if main.run.provider == nil && h.edge.isHubs(main) {
		// The hub is there for the provider of its group, too.
		all.run.provider, all.run.group = h.edge.run.providers[group], group
	}
	return &all, group
}

// isSame reports whether two handlers are one directive: mainOf makes copies.
func (h *Handler) isSame(other *Handler) bool { return h.run.rules == other.run.rules }

// serveEverywhere ends all apps of this site, and then what is elsewhere.
func (l *logout) serveEverywhere(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	l.deadline = time.Now().Add(time.Duration(l.h.edge.Timeout))
	body, detach := appcall.BufferBody(w, r, time.Until(l.deadline))
	defer detach()
	l.chooseTarget(returnurl.Requested(r, body))
	if p := l.h.run.provider; p != nil && (l.visit == nil || l.visit.Unsure) {
		// Whoever has no session here may have one there: ask, silently.
		l.visit = l.visitTo(p)
		l.visit.Silent = true
	}
	app, _ := l.ownApp(r)
	e := app.end(r, next, l.own, l.id, l.deadline)
	l.logEverywhere(r, e.outcome)
	res := appcall.Result{Status: http.StatusOK, Header: http.Header{"Set-Cookie": e.lines}}
	l.relay(w.Header(), res)
	if l.caller.Navigation {
		return l.answerPerson(w, r, res, e.outcome)
	}
	return l.answerScript(w, res, e.outcome)
}

// everywherePage lists what this browser has just presented a session of, and
// tells everybody else nothing.
func (h *Handler) everywherePage(r *http.Request, own origin.Origin, says pages.Page) pages.Page {
	srv := h.edge.serverOf(r)
	_, group := h.mainOf(r, own)
	var sessions []string
	for _, app := range h.edge.appsAt(srv, own.Hostname(), group) {
		if slices.ContainsFunc(app.handlers, func(handler *Handler) bool { return len(handler.run.sessions.In(r.Header["Cookie"])) > 0 }) {
			sessions = append(sessions, own.Host+app.base)
		}
	}
	return pages.Everywhere(says, h.edge.Prefix+"/", sessions, h.edge.isUnfinished(r, own))
}
