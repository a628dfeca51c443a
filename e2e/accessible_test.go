package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// control is what a person can do something with on our pages.
const control = `[...document.querySelectorAll("a, button, summary, input, select, textarea, [tabindex='0']")].filter(e => e.checkVisibility())`

// Every page can be used without a mouse, in every engine: its title and its heading say what happened, and the heading has
// the focus, which screen readers follow; Tab goes through everything in the order of the page, and one sees where.
func TestEveryPageWorksWithTheKeyboard(t *testing.T) {
	l := newPagesLab(t, 15)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, p := range l.pages() {
			l.show(v, p)
			v.waitFor(`document.activeElement.matches("h1") && document.activeElement.textContent === document.title`)
			var controls int
			v.eval(&controls, "return "+control+".length")
			if controls == 0 && p.name != "landing-bare" {
				t.Errorf("%s: there is nothing to do", p.name)
			}
			for i := range controls {
				v.must(v.Press(browser.KeyTab), "pressing Tab")
				var at struct {
					Number int
					Text   string
					Seen   bool
				}
				v.eval(&at, `
					const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
					return {
						number: `+control+`.indexOf(at),
						text: at.textContent,
						seen: at.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.top < innerHeight && box.bottom > 0,
					}`)
				if at.Number != i || !at.Seen {
					t.Errorf("%s: Tab number %d leads to %+v", p.name, i+1, at)
				}
			}
		}
	})
}

// Enter does what a click does.
func TestEnterSignsOutEverywhere(t *testing.T) {
	l := newPagesLab(t, 15)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		v.signIn("https://" + shopHost)
		sid := v.signIn("https://" + mailHost)
		v.goTo("https://" + mailHost + "/.universal-logout/")
		v.must(v.Press(browser.KeyTab), "pressing Tab")
		v.must(v.Press(browser.KeyEnter), "pressing Enter")
		v.onOurPage("landing")
		if alive(t, l.app.url, "sid", sid) {
			t.Error("the app still honours the session")
		}
		v.must(v.Press(browser.KeyTab), "pressing Tab")
		v.must(v.Press(browser.KeyEnter), "pressing Enter")
		v.onTitle("state") // the app's own page
		v.signIn("https://" + manyHost)
		v.goTo("https://" + manyHost + "/app0/home")
		v.click("#out")
		v.onOurPage("landing")
		v.eval(nil, `document.querySelector("summary").focus()`)
		v.must(v.Press(browser.KeyEnter), "pressing Enter")
		v.waitFor(`document.querySelector("details[open] li").checkVisibility()`)
	})
}

// A page that works says so: it changes the text of its status, which screen readers then read, and never the status itself,
// which they would not notice.
func TestAHopTellsHowFarItIs(t *testing.T) {
	l := newPagesLab(t, 15)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		release := l.stuckAt(v, mailHost, wikiHost)
		v.waitFor(`document.querySelector("[data-count]").textContent === "2"`) // the other one on this page
		var before, after struct {
			Steps, Line string
			Progress    int
		}
		const look = `
			const line = [...document.querySelectorAll("[data-ask]")].find(e => e.dataset.ask.includes(args[0]));
			return { steps: document.querySelector("[role=status] #steps").textContent, line: line.querySelector("span").textContent, progress: document.querySelector("progress").value }`
		v.eval(&before, `
			document.querySelector("[role=status]").setAttribute("data-same", "");
			document.querySelector("#steps").setAttribute("data-same", "");`+look, wikiHost)
		release()
		v.waitFor(`document.querySelector("[role=status][data-same] #steps[data-same] [data-count]").textContent === "3"`)
		v.eval(&after, look, wikiHost)
		if before.Steps != "2 of 4 steps done" || before.Line != "signing out…" || before.Progress != 2 {
			t.Errorf("before: %+v", before)
		}
		if after.Steps != "3 of 4 steps done" || after.Line != "done" || after.Progress != 3 {
			t.Errorf("after: %+v", after)
		}
	})
}

// axe is Deque's checker. It runs in the page, as a script of the driver's, which the page's policy does not concern.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("the checker is not installed, scripts/install-test-tools.sh does that: %v", err)
	}
	return string(source)
}

// violations are what axe finds on the current page. What it cannot decide is a violation too.
func (v *visitor) violations(source string) (found []string) {
	v.t.Helper()
	v.eval(&found, `
		if (!window.axe) { `+source+` }
		const { violations, incomplete } = await axe.run(document, { resultTypes: ["violations", "incomplete"] });
		return [...violations, ...incomplete].map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary).join("; "))`)
	return found
}

// media emulates what the person has chosen in the system's settings.
func (v *visitor) media(features ...string) {
	v.t.Helper()
	list := []any{}
	for _, f := range features {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, map[string]any{"name": name, "value": value})
	}
	_, err := v.CDP("Emulation.setEmulatedMedia", map[string]any{"features": list})
	v.must(err, "emulating "+fmt.Sprint(features))
}
