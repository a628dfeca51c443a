package universallogout

import (
	"context"
	"errors"
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"go.uber.org/zap"
)

// The audit log has one entry for each logout, from a logger of that name. It
// tells who ended what, and names no credential, session or user.

// log is the entry of a logout that began at this app's own logout: what the
// app said, and what became of its session.
func (l *logout) log(r *http.Request, res appcall.Result, said, out outcome.Outcome) {
	l.countApp(out)
	audit := l.h.logger.Named("audit")
	fields := append(l.auditFields(r, out), zap.Int("app_status", res.Status), zap.Int("session_cookies", len(l.presented)))
	var crashed appcall.Panicked
	switch {
	case errors.As(res.Err, &crashed):
		audit.Error("logged out, but a handler behind us panicked", append(fields, zap.Error(crashed))...)
	case said == outcome.Failed && errors.Is(res.Err, context.DeadlineExceeded):
		audit.Warn("logged out, but the app did not answer in time", fields...)
	case said == outcome.Failed:
		audit.Warn("logged out, but the app did not end its session", fields...)
	default:
		audit.Info("logged out", fields...)
	}
	l.told(out)
}

// logEverywhere is the entry of a logout that began at the page for all apps.
// Each app has a line of its own.
func (l *logout) logEverywhere(r *http.Request, out outcome.Outcome) {
	audit := l.h.logger.Named("audit")
	if out == outcome.Failed {
		audit.Warn("signed out everywhere, but an app of this site did not end its session", l.auditFields(r, out)...)
	} else {
		audit.Info("signed out everywhere", l.auditFields(r, out)...)
	}
	l.told(out)
}

func (l *logout) auditFields(r *http.Request, out outcome.Outcome) []zap.Field {
	fields := []zap.Field{
		zap.String("logout_id", l.id), zap.String("initiator", initiatorUser), zap.String("host", l.own.Host),
		zap.String("app", l.h.appName()), zap.String("outcome", string(out)), zap.String("result", outcome.Word(out)),
		zap.Int("sites", l.sites()), zap.Int("revocations", l.revoked), zap.Duration("took", l.h.app.now().Sub(l.began)), zap.String("client_ip", inbound.ClientIP(r)),
	}
	if l.visit != nil {
		fields = append(fields, zap.String("provider", l.visit.Provider))
	}
	return fields
}

// sites counts those that the logout goes to, with its own.
func (l *logout) sites() int {
	if l.tour == nil {
		return 1
	}
	it, _ := l.h.app.itineraryOf(*l.tour)
	return max(1, len(it.Stops))
}

// told counts the logout, and tells whoever listens.
func (l *logout) told(out outcome.Outcome) {
	a := l.h.app
	a.metrics.countLogout(initiatorUser, out)
	data := map[string]any{
		"logout_id": l.id, "initiator": initiatorUser, "app": a.appLabel(l.h, l.own.Hostname()),
		"outcome": string(out), "result": outcome.Word(out), "sites": l.sites(),
	}
	if l.visit != nil {
		data["provider"] = l.visit.Provider
	}
	a.emit(eventLoggedOut, data)
}

// logPart is the line for one app of a logout that began elsewhere.
func (l *logout) logPart(r *http.Request, app *siteApp, out outcome.Outcome) {
	l.countApp(out)
	l.h.logger.Info("logged out with another site", zap.String("logout_id", l.id), zap.String("host", l.own.Host),
		zap.String("app", app.name()), zap.String("outcome", string(out)), zap.Int("session_cookies", len(l.presented)), zap.Int("revocations", l.revoked),
		zap.Duration("took", l.h.app.now().Sub(l.began)), zap.String("client_ip", inbound.ClientIP(r)))
}
