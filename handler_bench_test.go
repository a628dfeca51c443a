package universallogout

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// passThroughRequests are requests that are no logout, as browsers send them.
func passThroughRequests() map[string]*http.Request {
	cookies := "theme=dark; _ga=GA1.2.1234567890.1234567890; lang=en; sessionid=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy; csrftoken=8f14e45fceea167a5a36dedd4bea2543; consent=yes; sidebar=open; density=compact; tz=Europe-Berlin"
	script := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items?page=2", nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	script.Header.Set("Cookie", cookies)
	post := httptest.NewRequest(http.MethodPost, "https://app.example.com/api/v1/items", nil)
	post.Header.Set("Sec-Fetch-Mode", "cors")
	post.Header.Set("Cookie", cookies)
	plain := httptest.NewRequest(http.MethodGet, "https://app.example.com/static/app.js", nil)
	page := httptest.NewRequest(http.MethodGet, "https://app.example.com/dashboard/overview", nil)
	page.Header.Set("Sec-Fetch-Mode", "navigate")
	page.Header.Set("Cookie", cookies)
	almost := httptest.NewRequest(http.MethodGet, "https://app.example.com/about", nil) // ends like /logout
	almost.Header.Set("Sec-Fetch-Mode", "cors")
	almost.Header.Set("Cookie", cookies)
	return map[string]*http.Request{"script": script, "post": post, "no cookies": plain, "navigation": page, "almost a logout": almost}
}

type noOp struct{}

//go:noinline
func (noOp) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

func nothing(http.ResponseWriter, *http.Request) error { return nil }

// BenchmarkPassThrough measures T4: what a request that is no logout pays
// above a no-op handler of the same run.
func BenchmarkPassThrough(b *testing.B) {
	h := &Handler{app: &App{Prefix: defaultPrefix}}
	var err error
	if h.rules, err = compilePaths(nil, ""); err != nil {
		b.Fatal(err)
	}
	w, next := httptest.NewRecorder(), caddyhttp.HandlerFunc(nothing)
	handlers := map[string]caddyhttp.MiddlewareHandler{"no-op": noOp{}, "ours": h}
	for name, r := range passThroughRequests() {
		for which, handler := range handlers {
			b.Run(name+"/"+which, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = handler.ServeHTTP(w, r, next)
				}
			})
		}
	}
}
