// Package telemetry tells others what happened: by metric, event and audit log.
// It names no credential, session or user.
package telemetry

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// Teller tells what happens under one configuration. Its metrics outlive it.
type Teller struct {
	metrics *Metrics
	events  *events
	ctx     caddy.Context
	work    *work.Runner
	logger  func() *zap.Logger
	now     func() time.Time
}

// New returns a teller, and makes the metrics known to the configuration. It
// fails if another module has metrics of these names.
func New(ctx caddy.Context, metrics *Metrics, runner *work.Runner, logger func() *zap.Logger, now func() time.Time) (*Teller, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	t := &Teller{
		metrics: metrics, events: newEvents(app.(*caddyevents.App)), ctx: ctx,
		work: runner, logger: logger, now: now,
	}
	return t, metrics.Register(ctx.GetMetricsRegistry())
}

// Logout is one act of logging out, wherever it went.
type Logout struct {
	ID        string
	Initiator string // User or Admin
	Outcome   outcome.Outcome

	// The line of the audit log, besides id and initiator.
	Logger  *zap.Logger
	Level   zapcore.Level
	Message string
	Fields  []zap.Field

	Data map[string]any // of the event, besides id, initiator and result; it is the teller's then
}

// LoggedOut tells of a logout: a line of the audit log, a metric, an event.
func (t *Teller) LoggedOut(l Logout) {
	fields := append([]zap.Field{zap.String("logout_id", l.ID), zap.String("initiator", l.Initiator)}, l.Fields...)
	l.Logger.Named("audit").Log(l.Level, l.Message, fields...)
	t.metrics.countLogout(l.Initiator, l.Outcome)
	l.Data["logout_id"], l.Data["initiator"], l.Data["result"] = l.ID, l.Initiator, outcome.Summary(l.Outcome)
	t.emit(loggedOutEvent, l.Data)
}

// AppEnded counts what became of one app's session. app is its name in the
// configuration, or OtherApp. took is 0 if the app was not asked.
func (t *Teller) AppEnded(app string, out outcome.Outcome, took time.Duration) {
	t.metrics.apps.WithLabelValues(app, string(out)).Inc()
	if took > 0 {
		t.metrics.duration.WithLabelValues(app).Observe(took.Seconds())
	}
}

// Revoked tells that something is refused from now on: kind is "credential",
// "session" or "subject", n the number of revocations. data is of the event,
// besides these; it is the teller's then.
func (t *Teller) Revoked(initiator, kind string, n int, data map[string]any) {
	data["initiator"], data["kind"], data["revocations"] = initiator, kind, n
	t.emit(revokedEvent, data)
}

// Refused tells of a request with a credential that is refused: kind is
// "cookie", "header" or "stream".
func (t *Teller) Refused(kind string) {
	if c := t.logger().Check(zap.DebugLevel, "refused a session that is over"); c != nil {
		c.Write(zap.String("kind", kind))
	}
	t.metrics.countRefused(kind)
	t.emitRefused(kind)
}

// ProviderAnswered counts a request of ours to a provider. provider is its name
// in the configuration, result a word of ours.
func (t *Teller) ProviderAnswered(provider, endpoint, result string) {
	t.metrics.requests.WithLabelValues(provider, endpoint, result).Inc()
}
