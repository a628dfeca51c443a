package universallogout

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestLastingLogger: what goes wrong with the list of revocations is in the log
// that the running config names, also if another one opened the list.
func TestLastingLogger(t *testing.T) {
	s := newProcess(nil)
	app := func(level zapcore.Level) (*App, *observer.ObservedLogs) {
		core, logs := observer.New(level)
		return &App{process: s, logger: zap.New(core).Named("universal_logout")}, logs
	}
	first, early := app(zap.InfoLevel)
	logger := first.lastingLogger()
	logger.Error("before any runs")
	s.running.begin(first)
	second, late := app(zap.ErrorLevel)
	s.running.begin(second)
	s.running.end(first)
	logger.Error("after a reload")
	logger.Warn("that wants errors only")
	if early.Len() != 1 || late.Len() != 1 || late.All()[0].LoggerName != "universal_logout" {
		t.Errorf("first config: %v, second config: %v", early.All(), late.All())
	}
}

// TestRunning: during a reload there are two, and after one that failed it is
// the one before.
func TestRunning(t *testing.T) {
	var r runningApps
	first, second := new(App), new(App)
	if r.last() != nil {
		t.Error("one before any")
	}
	r.begin(first)
	r.begin(second)
	if r.last() != second {
		t.Error("not the newest")
	}
	r.end(second)
	if r.last() != first {
		t.Error("not the one before a failed reload")
	}
	r.begin(second)
	r.end(first)
	if r.last() != second {
		t.Error("not the one after a reload")
	}
	r.end(second)
	if r.last() != nil {
		t.Error("one after all")
	}
}
