package nested

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// request is one as Caddy makes it.
func request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
}

type told struct {
	ownCall, hasStream, isContinued bool
	answer, refusal                 any
}

func toldTo(r *http.Request) told {
	return told{IsOwnCall(r), HasStream(r), IsContinued(r), Answer(r), Refusal(r)}
}

// TestNobodyTells: a request as it comes in says nothing.
func TestNobodyTells(t *testing.T) {
	for name, r := range map[string]*http.Request{"in Caddy": request(), "elsewhere": httptest.NewRequest(http.MethodGet, "/", nil)} {
		if got := toldTo(r); got != (told{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestOneTellsWithoutTheOthers: whatever comes first, none of them is lost.
func TestOneTellsWithoutTheOthers(t *testing.T) {
	answer := new(int)
	tell := []func(ctx context.Context) context.Context{WithOwnCall, WithStream, func(ctx context.Context) context.Context { return WithAnswer(ctx, answer) }}
	wants := []told{{ownCall: true}, {hasStream: true}, {answer: answer}}
	for first := range tell {
		r := request()
		if got := toldTo(r.WithContext(tell[first](r.Context()))); got != wants[first] {
			t.Errorf("%d alone: %+v", first, got)
		}
		ctx := r.Context()
		for n := range tell {
			ctx = tell[(first+n)%len(tell)](ctx)
		}
		if got, want := toldTo(r.WithContext(ctx)), (told{ownCall: true, hasStream: true, answer: answer}); got != want {
			t.Errorf("%d first: %+v", first, got)
		}
		if got := toldTo(r); got != (told{}) {
			t.Errorf("%d: who is in front hears of it: %+v", first, got)
		}
	}
}

// TestTheLastWaits: a logout in a logout is answered by the inner one.
func TestTheLastWaits(t *testing.T) {
	r := request()
	ctx := WithAnswer(WithAnswer(r.Context(), "outer"), "inner")
	if got := Answer(r.WithContext(ctx)); got != "inner" {
		t.Errorf("%v waits", got)
	}
	if got := Answer(r.WithContext(WithAnswer(ctx, nil))); got != nil {
		t.Errorf("%v waits", got)
	}
}

// TestErrorRoutesHear: Caddy gives them the variables of the request, and not
// the context that a handler made.
func TestErrorRoutesHear(t *testing.T) {
	r := request()
	behind := r.WithContext(WithStream(r.Context()))
	SetContinued(behind)
	SetRefusal(behind, "what was taken out")
	if got, want := toldTo(r), (told{isContinued: true, refusal: "what was taken out"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
