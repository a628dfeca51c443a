package universallogout

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
)

// The audit log has one entry for each logout, from a logger of that name. It
// tells who ended what, and names no credential, session or user.

// log is the entry of a logout that began at this app's own logout: what the
// app said, and what became of its session.
func (l *logout) log(r *http.Request, res appcall.Result, said, out outcome.Outcome) {
	l.countApp(out)
	fields := append(l.auditFields(r, out), zap.Int("app_status", res.Status), zap.Int("session_cookies", len(l.presented)))
	var crashed appcall.PanicError
	switch {
	case errors.As(res.Err, &crashed):
		l.tell(out, zap.ErrorLevel, "logged out, but a handler behind us panicked", append(fields, zap.Error(crashed)))
	case said == outcome.Failed && errors.Is(res.Err, context.DeadlineExceeded):
		l.tell(out, zap.WarnLevel, "logged out, but the app did not answer in time", fields)
	case said == outcome.Failed:
		l.tell(out, zap.WarnLevel, "logged out, but the app did not end its session", fields)
	default:
		l.tell(out, zap.InfoLevel, "logged out", fields)
	}
}

// logEverywhere is the entry of a logout that began at the page for all apps.
// Each app has a line of its own.
func (l *logout) logEverywhere(r *http.Request, out outcome.Outcome) {
	if out == outcome.Failed {
		l.tell(out, zap.WarnLevel, "signed out everywhere, but an app of this site did not end its session", l.auditFields(r, out))
	} else {
		l.tell(out, zap.InfoLevel, "signed out everywhere", l.auditFields(r, out))
	}
}

func (l *logout) auditFields(r *http.Request, out outcome.Outcome) []zap.Field {
	fields := []zap.Field{
		zap.String("host", l.own.Host), zap.String("app", l.h.appName()), zap.String("outcome", string(out)), zap.String("result", outcome.Summary(out)),
		zap.Int("sites", l.sites()), zap.Int("revocations", l.revoked), zap.Duration("took", l.h.edge.now().Sub(l.began)), zap.String("client_ip", inbound.ClientIP(r)),
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
	it, _ := l.h.edge.itineraryOf(*l.tour)
	return max(1, len(it.Stops))
}

// tell tells of the logout.
func (l *logout) tell(out outcome.Outcome, level zapcore.Level, message string, fields []zap.Field) {
	a := l.h.edge
	data := map[string]any{"app": a.appLabel(l.h, l.own.Hostname()), "outcome": string(out), "sites": l.sites()}
	if l.visit != nil {
		data["provider"] = l.visit.Provider
	}
	a.teller.LoggedOut(telemetry.Logout{
		ID: l.id, Initiator: telemetry.User, Outcome: out,
		Logger: l.h.logger, Level: level, Message: message, Fields: fields, Data: data,
	})
}

func (l *logout) countApp(out outcome.Outcome) {
	l.h.edge.teller.AppEnded(l.h.edge.appLabel(l.h, l.own.Hostname()), out, l.asked)
}

// logAppEnd is the line for one app of a logout that began elsewhere.
func (l *logout) logAppEnd(r *http.Request, app *siteApp, out outcome.Outcome) {
	l.countApp(out)
	l.h.logger.Info("logged out with another site", zap.String("logout_id", l.id), zap.String("host", l.own.Host),
		zap.String("app", app.name()), zap.String("outcome", string(out)), zap.Int("session_cookies", len(l.presented)), zap.Int("revocations", l.revoked),
		zap.Duration("took", l.h.edge.now().Sub(l.began)), zap.String("client_ip", inbound.ClientIP(r)))
}

// appLabel names an app as the configuration does. What requests call their
// host is anybody's choice.
func (a *App) appLabel(h *Handler, host string) string {
	for _, p := range a.registry().apps {
		if !p.Handler.isSame(h) || !p.Takes(host) {
			continue
		}
		if slices.Contains(p.names(), host) {
			return host + p.base()
		}
		for _, pattern := range p.Hosts {
			if origin.CommonPattern(pattern, host) != "" {
				return pattern + p.base()
			}
		}
	}
	return telemetry.OtherApp
}
