package universallogout

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// fanout is a group of many apps, each with a server of its own, and a browser
// that has a session of all of them.
type fanout struct {
	*site
	start string // the logout that its tours begin with
	jar   *jar
}

// The ways in which apps lie beside each other.
const (
	sitesOfADomain = "sites of a domain"
	pathsOfASite   = "paths of a site"
	pathsElsewhere = "paths of a site on another domain"
)

// newFanout is a group of these apps and one more, where the tour begins.
func newFanout(t testing.TB, shape string, apps []http.HandlerFunc) *fanout {
	t.Helper()
	f := &fanout{start: "https://app0.example.com/logout", jar: &jar{now: time.Now()}}
	const directive = "universal_logout {\nsession_cookies sessionid\n}\n"
	var begins, others strings.Builder
	for i, app := range slices.Insert(slices.Clone(apps), 0, endsSession) {
		server := httptest.NewServer(app)
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		out, block := &others, fmt.Sprintf("handle_path /app%d/*", i)
		if i == 0 && shape != pathsOfASite || shape == sitesOfADomain {
			out, block = &begins, fmt.Sprintf("app%d.example.com", i)
		}
		fmt.Fprintf(out, "%s {\n%sreverse_proxy %s\n}\n", block, directive, strings.TrimPrefix(server.URL, "http://"))
	}
	if others.Len() > 0 {
		host := "apps.example.net"
		if shape == pathsOfASite {
			host, f.start = "app0.example.com", "https://app0.example.com/app0/logout"
		}
		fmt.Fprintf(&begins, "%s {\nuniversal_logout {\npaths off\n}\n%s}\n", host, others.String())
		f.jar.store(host, "/", true, []string{"sessionid=one; Path=/; Secure"})
	}
	f.jar.store("app0.example.com", "/", true, []string{"sessionid=one; Domain=example.com; Path=/; Secure"})
	f.site = newSite(t, "", begins.String())
	return f
}

// begin logs out. It returns the first page of the tour, and whom its script
// asks.
func (f *fanout) begin() (p browserPage, asks []string) {
	f.t.Helper()
	p = f.open(&jar{now: f.jar.now, cookies: slices.Clone(f.jar.cookies)}, request("GET", f.start, "", clicked...))
	for _, ask := range asked.FindAllStringSubmatch(p.body, -1) {
		asks = append(asks, html.UnescapeString(ask[1]))
	}
	if p.token() == "" || len(asks) == 0 {
		f.t.Fatalf("no page of a tour: %d %s", p.StatusCode, p.body)
	}
	return p, asks
}

// askAtOnce asks for all apps at the same time, with all cookies that each may
// see, and returns what became of them.
func (f *fanout) askAtOnce(p browserPage, asks []string) []outcome.Outcome {
	outs, token := make([]outcome.Outcome, len(asks)), p.token()
	var wg sync.WaitGroup
	for i, ask := range asks {
		wg.Go(func() {
			_, answer := f.askSite(&jar{now: f.jar.now, cookies: slices.Clone(f.jar.cookies)}, p.url, ask, token)
			if w, ok := f.app.seals.OpenReport(answer); ok {
				outs[i] = w.Result.Plain().Outcome()
			}
		})
	}
	wg.Wait()
	return outs
}
