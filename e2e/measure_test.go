//go:build bench

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// appTime is what the logout of each app takes.
const appTime = 100 * time.Millisecond

// tourCases are the groups that are measured: perDomain[i] sites on the i-th registrable domain.
var tourCases = []struct {
	name      string
	perDomain []int
	runs      int
}{
	{"1", []int{1}, 5},
	{"10", []int{10}, 5},
	{"30", []int{30}, 5},
	{"5 on 5 domains", []int{1, 1, 1, 1, 1}, 5},
	{"20 on 5 domains", []int{4, 4, 4, 4, 4}, 5},
	{"64", []int{64}, 20}, // one after the other: that is when Chromium loses requests, and no site may be lost by it
}

// clickPage notes in a field of its form when it was clicked, by the browser's clock. The app gets to know it with the
// logout, so that nothing more is sent.
const clickPage = `<!doctype html><title>form</title>
<form method=post action=/leave><input type=hidden name=clicked><button id=out>log out</button></form>
<script>
document.querySelector("#out").onclick = e => { document.querySelector("input").value = performance.timeOrigin + e.timeStamp };
</script>`

// landed is when the landing page's document was complete, by the same clock, and what the page does not call ended.
const landed = `
	const loading = performance.getEntriesByType("navigation")[0];
	return { at: performance.timeOrigin + loading.domContentLoadedEventEnd, text: document.querySelector("main").innerText,
		bad: document.querySelectorAll("li.bad").length }`

// A slowLab is a tourLab whose apps take their time.
type slowLab struct {
	*tourLab
	clicked float64 // when the user clicked, milliseconds since 1970; guarded by app.mu
}

func newSlowLab(t *testing.T, perDomain []int) *slowLab {
	t.Helper()
	lab := &slowLab{tourLab: newTourLab(t, "", "session_cookies sid\npaths /leave", perDomain...)}
	lab.app.page("/click", clickPage)
	lab.app.mux.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) {
		lab.app.signIn(w, r)
		fmt.Fprint(w, `<script>localStorage.setItem("draft", "secret")</script>`)
	})
	lab.app.logout("/leave", func(w http.ResponseWriter, r *http.Request) {
		if at, err := strconv.ParseFloat(r.FormValue("clicked"), 64); err == nil {
			lab.app.mu.Lock()
			lab.clicked = at
			lab.app.mu.Unlock()
		}
		time.Sleep(appTime)
		http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1})
		goodbye(w, r)
	})
	return lab
}

// measure signs in everywhere and logs out by one click. It returns how long that took, and how many of the apps still
// honour their session, or are said to on the landing page.
func (lab *slowLab) measure(t *testing.T, v *visitor) (took time.Duration, lost int) {
	t.Helper()
	for _, host := range lab.hosts {
		v.goTo("https://" + host + "/visit")
	}
	v.goTo("https://" + lab.hosts[0] + "/click")
	n, last := len(lab.caddy.written(0)), `"msg":"went through the sites"`
	if len(lab.hosts) == 1 {
		last = `"msg":"logged out"`
	}
	before := milliseconds(time.Now())
	v.click("#out")
	// Looking into the page would slow it down: the log tells when it is about to be there.
	v.observe("landing page", func() bool { return strings.Contains(lab.caddy.written(n), last) })
	v.onOurPage("landing")
	var end struct {
		At   float64
		Text string
		Bad  int
	}
	v.eval(&end, landed)
	lab.app.mu.Lock()
	clicked, alive := lab.clicked, len(lab.app.sessions)
	clear(lab.app.sessions)
	lab.app.mu.Unlock()
	// One clock for all: the browser's two pages and this process must agree on the order.
	if after := milliseconds(time.Now()); clicked < before-2 || end.At < clicked || end.At > after+2 {
		t.Errorf("clicked between %.0f and %.0f: at %.0f; landed at %.0f", before, after, clicked, end.At)
	}
	if lost = max(alive, end.Bad); lost > 0 {
		t.Logf("%d sessions alive, %s", alive, end.Text)
	}
	return time.Duration((end.At - clicked) * float64(time.Millisecond)), lost
}

func milliseconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

// TestMeasureTour measures how long tours take. It asserts nothing about time; `make bench-tour` makes a table and plots
// of what it writes to the file that TOUR_CSV names.
func TestMeasureTour(t *testing.T) {
	rows := []string{"engine,version,sites,ms,lost,load,day"}
	for _, c := range tourCases {
		t.Run(c.name, func(t *testing.T) {
			lab := newSlowLab(t, c.perDomain)
			for _, engine := range browser.Engines() {
				t.Run(string(engine), func(t *testing.T) {
					runs := c.runs
					if engine == browser.WebKit {
						runs = 5 // it gets slower with all the pages that it has shown since it was started, whatever they are
					}
					b, err := browser.Start(engine, browser.Options{Proxy: proxy.Addr()})
					if err != nil {
						t.Fatal(err)
					}
					defer b.Close()
					v := &visitor{Browser: b, t: t}
					lab.measure(t, v) // so that caches are as warm as those of a browser in use
					var times []time.Duration
					lostAll := 0
					for range runs {
						load := loadAverage(t)
						took, lost := lab.measure(t, v)
						rows = append(rows, fmt.Sprintf("%s,%s,%s,%d,%d,%s,%s",
							engine, v.Version, c.name, took.Milliseconds(), lost, load, time.Now().Format(time.DateOnly)))
						times = append(times, took.Round(time.Millisecond))
						lostAll += lost
					}
					slices.Sort(times)
					t.Logf("median %v of %v, lost %d", times[len(times)/2], times, lostAll)
					if lostAll > 0 {
						t.Errorf("%d apps were lost in %d tours", lostAll, runs)
					}
				})
			}
		})
	}
	if file := os.Getenv("TOUR_CSV"); file != "" && !t.Failed() {
		if err := os.WriteFile(file, []byte(strings.Join(rows, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// loadAverage is how many processes wanted to run in the last minute.
func loadAverage(t *testing.T) string {
	t.Helper()
	line, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	load, _, _ := strings.Cut(string(line), " ")
	return load
}
