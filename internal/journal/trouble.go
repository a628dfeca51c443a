package journal

import (
	"sync"

	"go.uber.org/zap"
)

// trouble is told once when it begins and once when it is over, however often
// something is tried in between.
type trouble struct {
	logger      *zap.Logger
	begin, over string

	mu  sync.Mutex
	err error
}

func (t *trouble) set(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil && t.err == nil:
		t.logger.Error(t.begin, zap.Error(err))
	case err == nil && t.err != nil:
		t.logger.Info(t.over)
	}
	t.err = err
}

func (t *trouble) current() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
