package provider

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// once asks for all who want to know the same at the same time. Nobody waits
// longer than its own ctx, and nobody's leaving ends the question for the
// others; ok is false for who left.
func once[T any](ctx context.Context, flights *singleflight.Group, key string, limit time.Duration, ask func(context.Context) T) (answer T, ok bool) {
	flight := flights.DoChan(key, func() (any, error) {
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer stop()
		return ask(own), nil
	})
	select {
	case result := <-flight:
		answer, ok = result.Val.(T)
	case <-ctx.Done():
	}
	return answer, ok
}
