package universallogout

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/identify"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
)

// clientLimits of what clients may have refused. A session that
// its app ended is bounded only so that nobody fills the list: 12,000 at once,
// 5 a second after that.
const (
	revokingAtOnce, revokingEvery = 12_000, time.Second / 5
	unknownAtOnce, unknownEvery   = 30, time.Minute / 30
)

const (
	// revokeLimit is how long a logout waits for a disk.
	revokeLimit = 2 * time.Second
)

// conclude refuses what a logout presented, now that the app had its turn and
// needs it no more, and says what became of the session.
func (l *logout) conclude(r *http.Request, out outcome.Outcome) outcome.Outcome {
	if l.concluded != "" {
		return l.concluded
	}
	l.concluded = out
	// What failed stays failed: the app has a session that it did not end, even
	// if nobody gets to it through this edge any more.
	if l.revoke(r, out) && out == outcome.Cleared {
		l.concluded = outcome.Revoked
	}
	return l.concluded
}

// revoke reports whether everything that makes a session is refused from now
// on, also after a power cut.
func (l *logout) revoke(r *http.Request, out outcome.Outcome) bool {
	list := l.h.edge.process.revocations.list.Load()
	if list == nil || len(l.credentials) == 0 {
		return false
	}
	known := out == outcome.Ended
	var revocations []revocation.Revocation
	for _, c := range l.credentials {
		revocations = append(revocations, list.OfCredential(c.Fingerprint, c.Until))
		session, bound := list.OfBound(c.Fingerprint)
		known = known || bound
		if bound && l.h.Fanout != fanoutOff {
			revocations = append(revocations, session) // all siblings refuse it at once, before the tour is there
		}
	}
	limit := l.h.edge.process.revoking
	if !known {
		limit = l.h.edge.process.revokingUnknown
	}
	if !limit.Allow(inbound.ClientIP(r), len(l.credentials), l.began) {
		l.h.logger.Warn("logged out without refusing the session from now on: this client has had too many sessions refused that no app knew",
			zap.String("logout_id", l.id), zap.String("host", l.own.Host), zap.String("client_ip", inbound.ClientIP(r)))
		return false
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(r.Context()), revokeLimit)
	defer done()
	if err := list.Revoke(ctx, revocations...); err != nil {
		l.h.logger.Error(enforce.NotDurable(err), zap.String("logout_id", l.id), zap.String("host", l.own.Host), zap.Error(err))
		return false
	}
	l.revoked = len(revocations)
	l.h.edge.teller.Revoked(telemetry.User, "credential", l.revoked, map[string]any{"logout_id": l.id})
	return l.refusable
}

// whose sessions: one, by its sid, or all that a user has begun by now.
type whose struct{ issuer, sub, sid string }

func (w whose) kind() string {
	if w.sid != "" {
		return "session"
	}
	return "subject"
}

// revoker is who had sessions refused, for the audit log.
type revoker struct{ initiator, message, clientIP string }

var errListNotOpen = errors.New("the list of revocations is not open yet")

// revokeSessions refuses sessions from now on, and tells it. It is for all but
// the browser that has such a session itself, and returns when they stay refused
// whatever happens to this node.
func (a *App) revokeSessions(ctx context.Context, by revoker, sessions whose) (logoutID string, err error) {
	list := a.awaitList(ctx)
	if list == nil {
		return "", errListNotOpen
	}
	entry := list.OfSession(sessions.issuer, sessions.sid)
	if sessions.sid == "" {
		entry = list.OfSubject(sessions.issuer, sessions.sub, a.now())
	}
	logoutID = newID()
	err = list.Revoke(ctx, entry)

	out, revocations := outcome.Ended, 1
	if err != nil {
		out = outcome.Failed
	}
	if errors.Is(err, revocation.ErrFull) {
		revocations = 0
	}
	a.teller.LoggedOut(telemetry.Logout{
		ID: logoutID, Initiator: by.initiator, Outcome: out,
		Logger: a.logger, Message: by.message, Fields: []zap.Field{
			zap.String("issuer", sessions.issuer), zap.String("kind", sessions.kind()), zap.String("result", outcome.Summary(out)),
			zap.Int("revocations", revocations), zap.String("client_ip", by.clientIP),
		},
		Data: map[string]any{"issuer": sessions.issuer, "kind": sessions.kind()},
	})
	if revocations > 0 {
		a.teller.Revoked(by.initiator, sessions.kind(), revocations, map[string]any{"logout_id": logoutID, "issuer": sessions.issuer})
	}
	return logoutID, err
}

// refuseSession refuses the session that a verified ID token names, at all apps
// that are known to belong to it.
func (a *App) refuseSession(ctx context.Context, p *provider.Provider, token provider.IDToken) {
	list := a.process.revocations.list.Load()
	sid := token.Claims.String("sid")
	if list == nil || sid == "" || len(sid) > identify.MaxClaim {
		return
	}
	if err := list.Revoke(ctx, list.OfSession(p.Issuer, sid)); err != nil {
		a.logger.Error(enforce.NotDurable(err), zap.String("provider", p.Name), zap.Error(err))
		return
	}
	a.teller.Revoked(telemetry.User, "session", 1, map[string]any{"issuer": p.Issuer})
}

// isRefused reports whether all sessions that a logout presents are refused
// already, so that the app is asked without any.
func (l *logout) isRefused(asked *http.Request) bool {
	return len(l.presented) > 0 && len(l.h.run.sessions.In(asked.Header["Cookie"])) == 0
}

// endRefused ends a session that is refused already: the app may not know, if
// it was a provider who said so. The call is ours, whatever the browser asked
// for, and nobody sees its answer.
func (l *logout) endRefused(from appcall.Browser, next caddyhttp.Handler) {
	l.h.edge.work.Background("ending a session that is refused", func(context.Context) {
		l.h.sessionEnder().End(from, next, l.own, l.cut, l.presented)
	})
}
