package provider

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// once asks for all who want to know the same at the same time. Nobody waits
// longer than its own ctx, and nobody's leaving ends the question for the
// others; who left gets nil.
func once(ctx context.Context, flights *singleflight.Group, key string, limit time.Duration, ask func(context.Context) any) any {
	flight := flights.DoChan(key, func() (any, error) {
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer stop()
		return ask(own), nil
	})
	select {
	case result := <-flight:
		return result.Val
	case <-ctx.Done():
		return nil
	}
}
