package universallogout

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// TestOneHangingAppStopsNobody: the others' sessions are ended, wherever it
// stands among them, and nothing of ours waits for it any longer.
func TestOneHangingAppStopsNobody(t *testing.T) {
	const apps = 50
	for _, shape := range []string{sitesOfADomain, pathsOfASite} {
		for where, number := range map[string]int{"first": 0, "in the middle": apps / 2, "last": apps - 1} {
			t.Run(shape+" × "+where, func(t *testing.T) {
				t.Parallel() // each waits for as long as we wait for an app, and then until no other calls either
				brokenOff := make(chan struct{})
				handlers := slices.Repeat([]http.HandlerFunc{endsSession}, apps)
				handlers[number] = func(_ http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					close(brokenOff)
				}
				f := newFanout(t, shape, handlers)
				p, asks := f.begin()
				if len(asks) != apps {
					t.Fatalf("asks for %d of %d apps", len(asks), apps)
				}
				var failed []string
				for i, out := range f.askAtOnce(p, asks) {
					if out != outcome.Ended {
						failed = append(failed, asks[i]+": "+string(out))
					}
				}
				if name := fmt.Sprintf("app%d", number+1); len(failed) != 1 || !strings.Contains(failed[0], name) || !strings.HasSuffix(failed[0], string(outcome.Failed)) {
					t.Errorf("not ended: %v; want %s alone", failed, name)
				}
				select {
				case <-brokenOff:
				case <-time.After(5 * time.Second):
					t.Error("the call that hung was not broken off")
				}
				eventually(t, "nothing of a call runs", func() bool {
					return !running(t, "appcall.Browser.send", "appcall.serveRecovered", "universallogout.(*siteApp).beginEnd")
				})
			})
		}
	}
}

// TestAppsOfOneSiteAreAskedAtOnce: also without script, where one answer ends
// them all: at the site where the tour began, and elsewhere. The apps answer
// only when all of them have been asked.
func TestAppsOfOneSiteAreAskedAtOnce(t *testing.T) {
	const apps = 20
	for _, shape := range []string{pathsOfASite, pathsElsewhere} {
		t.Run(shape, func(t *testing.T) {
			var awaited sync.WaitGroup
			awaited.Add(apps)
			f := newFanout(t, shape, slices.Repeat([]http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
				awaited.Done()
				awaited.Wait()
				endsSession(w, r)
			}}, apps))
			p := f.open(f.jar, request("GET", f.start, "", clicked...))
			for range 10 {
				switch next := cmp.Or(p.Header.Get("Location"), metaRefresh(p.body)); {
				case strings.Contains(p.body, `data-page="landing"`):
				case next != "":
					u, err := p.url.Parse(next)
					if err != nil {
						t.Fatal(err)
					}
					p = f.open(f.jar, request("GET", u.String(), "", clicked...))
				default:
					p = f.press(f.jar, p)
				}
			}
			if !strings.Contains(p.body, "signed out everywhere") {
				t.Errorf("%s: %s", p.url, p.body)
			}
		})
	}
}
