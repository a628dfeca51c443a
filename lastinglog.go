package universallogout

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// lastingLogger is for what outlives the config that began it. A logger of that
// one would go on writing where its config said, after a reload that says
// otherwise.
func (a *App) lastingLogger() *zap.Logger {
	return zap.New(lastingCore{&a.shared.running, a.logger.Core()}).Named(a.logger.Name())
}

// lastingCore is the core of the running config's logger, whichever that is.
type lastingCore struct {
	running *runningApps
	first   zapcore.Core // while none runs
}

func (c lastingCore) core() zapcore.Core {
	if a := c.running.last(); a != nil {
		return a.logger.Core()
	}
	return c.first
}

// Enabled implements zapcore.LevelEnabler.
func (c lastingCore) Enabled(level zapcore.Level) bool { return c.core().Enabled(level) }

// With implements zapcore.Core.
func (c lastingCore) With(fields []zapcore.Field) zapcore.Core { return c.core().With(fields) }

// Check implements zapcore.Core: it is the other core that writes.
func (c lastingCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.core().Check(entry, checked)
}

// Write implements zapcore.Core.
func (c lastingCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return c.core().Write(entry, fields)
}

// Sync implements zapcore.Core.
func (c lastingCore) Sync() error { return c.core().Sync() }
