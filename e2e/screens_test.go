package e2e

import (
	"bytes"
	"encoding/json"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// stuck makes the slow app of a tour slow for ever, so that there is time for pictures.
const stuck = `const really = fetch; fetch = (url, how) => String(url).startsWith("https://` + wikiHost + `/") ? new Promise(() => {}) : really(url, how)`

// The overview shows these, in the light and in the dark.
var overview = []string{"everywhere", "hop", "landing-everywhere", "landing-not-everywhere"}

const overviewWidth, overviewHeight = 400, 800

// Our pages fit a narrow telephone, are accessible and look like something, in the light and in the dark, for whoever needs
// large letters, no movement or colours of their own. With UPDATE_SCREENSHOTS=1 the pictures in docs/ are taken anew.
func TestOurPagesFitEveryScreen(t *testing.T) {
	l, checker := newPagesLab(t, 100), axe(t)
	pictures := pictureDir(t)
	v := open(t, browser.Chromium, browser.Options{})
	t.Cleanup(func() {
		v.CDP("Emulation.setScrollbarsHidden", map[string]any{"hidden": false})
		v.CDP("Emulation.clearDeviceMetricsOverride", nil)
		v.media()
	})
	_, err := v.CDP("Emulation.setScrollbarsHidden", map[string]any{"hidden": true})
	v.must(err, "hiding scroll bars")
	sheet := image.NewRGBA(image.Rect(0, 0, overviewWidth*len(overview), overviewHeight*2))
	for _, p := range l.pages() {
		_, err := v.CDP("Network.clearBrowserCookies", nil)
		v.must(err, "clearing cookies")
		if p.name == "hop" {
			v.inPages(stuck, func() { l.show(v, p) })
		} else {
			l.show(v, p)
		}
		for row, scheme := range []string{"light", "dark"} {
			for _, size := range []struct {
				name          string
				width, height int
			}{{"desktop", 1000, 700}, {"phone", 360, 640}} {
				picture := v.picture(size.width, size.height, scheme)
				pictures.save(p.name+"-"+size.name+"-"+scheme, picture)
				for _, found := range v.violations(checker) {
					t.Errorf("%s, %s, %s: %s", p.name, size.name, scheme, found)
				}
			}
			for column, name := range overview {
				if name == p.name {
					at := image.Rect(0, 0, overviewWidth, overviewHeight).Add(image.Pt(column*overviewWidth, row*overviewHeight))
					draw.Draw(sheet, at, v.picture(overviewWidth, overviewHeight, scheme), image.Point{}, draw.Src)
				}
			}
		}
		wantFits(v, p.name)
		wantSettingsKept(v, p.name)
	}
	pictures.save("overview", sheet)
}

// wantFits: nobody has to scroll sideways, at 320 pixels (which is 400 % on a desktop) or with letters twice as large.
func wantFits(v *visitor, page string) {
	v.t.Helper()
	const overflow = "return document.documentElement.scrollWidth - innerWidth"
	for name, text := range map[string]struct {
		width int
		style string
	}{
		"320 pixels":                   {320, ""},
		"letters twice as large":       {640, "font-size: 200%"},
		"both":                         {320, "font-size: 200%"},
		"more space (WCAG 2.2 1.4.12)": {320, "line-height: 1.5; letter-spacing: .12em; word-spacing: .16em"},
	} {
		v.must(v.Emulate(text.width, 640, "light"), "emulating a small screen")
		var wide int
		v.eval(&wide, `document.documentElement.style.cssText = args[0];`+overflow, text.style)
		if wide > 0 {
			v.t.Errorf("%s: with %s, scrolls sideways by %d pixels", page, name, wide)
		}
		v.eval(nil, `document.documentElement.style.cssText = ""`)
	}
}

// wantSettingsKept: nothing moves for whoever wants that, and colours of the system's own leave every button its edge.
func wantSettingsKept(v *visitor, page string) {
	v.t.Helper()
	var moving int
	v.media("prefers-reduced-motion=reduce")
	v.eval(&moving, "return document.getAnimations().length")
	if moving > 0 {
		v.t.Errorf("%s: %d animations, though the person wants none", page, moving)
	}
	v.media("forced-colors=active")
	var flat []string
	v.eval(&flat, `return [...document.querySelectorAll("button, .on a")].filter(e => e.checkVisibility()).filter(e => {
		const style = getComputedStyle(e), behind = getComputedStyle(document.querySelector("main")).backgroundColor;
		return style.borderTopStyle !== "solid" || parseFloat(style.borderTopWidth) < 1 || style.borderTopColor === behind || style.color === style.backgroundColor;
	}).map(e => e.outerHTML)`)
	if len(flat) > 0 {
		v.t.Errorf("%s: no edge in forced colours: %q", page, flat)
	}
	v.media()
}

// inPages does something while a script runs before those of every page.
func (v *visitor) inPages(script string, do func()) {
	v.t.Helper()
	answer, err := v.CDP("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script})
	v.must(err, "adding a script")
	var added map[string]any
	v.must(json.Unmarshal(answer, &added), "adding a script")
	do()
	_, err = v.CDP("Page.removeScriptToEvaluateOnNewDocument", added)
	v.must(err, "removing a script")
}

// picture is what a screen of this size shows.
func (v *visitor) picture(width, height int, scheme string) image.Image {
	v.t.Helper()
	v.must(v.Emulate(width, height, scheme), "emulating a screen")
	shot, err := v.Screenshot()
	v.must(err, "taking a screenshot")
	picture, err := png.Decode(bytes.NewReader(shot))
	v.must(err, "reading a screenshot")
	if b := picture.Bounds(); b.Dx() != width || b.Dy() != height {
		v.t.Errorf("the picture is %v", b)
	}
	return picture
}

// pictures is where screenshots are put.
type pictures struct {
	t   *testing.T
	dir string
}

func pictureDir(t *testing.T) pictures {
	t.Helper()
	if os.Getenv("UPDATE_SCREENSHOTS") != "1" {
		return pictures{t, t.TempDir()}
	}
	dir := filepath.Join("..", "docs", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return pictures{t, dir}
}

func (p pictures) save(name string, picture image.Image) {
	p.t.Helper()
	file, err := os.Create(filepath.Join(p.dir, name+".png"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer file.Close()
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(file, picture); err != nil {
		p.t.Fatal(err)
	}
}
