package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startChromium runs chromedriver, which runs Chromium.
func (b *Browser) startChromium(dir string, o Options) error {
	chromium, err := lookPath("chromium", "chromium")
	if err != nil {
		return err
	}
	args := []string{"--headless=new", "--user-data-dir=" + dir, "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium refuses to start as root otherwise; containers in CI are root
	}
	if o.Proxy != "" {
		args = append(args, "--proxy-server=http://"+o.Proxy, "--proxy-bypass-list=<-loopback>") // "<-loopback>": loopback names too
	}
	prefs := map[string]any{}
	if o.ThirdPartyCookies {
		prefs["profile.cookie_controls_mode"] = 0
	}
	if o.Prefetch {
		prefs["net.network_prediction_options"] = 0
	}
	if o.NoScript {
		prefs["profile.default_content_setting_values.javascript"] = 2
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	b.cleanups = append(b.cleanups, func() { killChromium(dir) }) // chromedriver fails to end one with a stuck tab
	if err := b.run(command{name: "chromedriver", apt: "chromium-driver", args: []string{"--port=" + strconv.Itoa(port)}}); err != nil {
		return err
	}
	return b.connectHTTP(port, map[string]any{
		"browserName": "chrome", "acceptInsecureCerts": true,
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": args, "prefs": prefs},
	})
}

// startFirefox runs Firefox with Marionette, its built-in remote control.
func (b *Browser) startFirefox(dir string, o Options) error {
	prefs := map[string]any{
		"marionette.port": 0, // any free one; Firefox writes it into the profile
		// No greeting, and nothing sent anywhere on Firefox' own account.
		"browser.shell.checkDefaultBrowser": false, "browser.startup.page": 0, "browser.aboutwelcome.enabled": false,
		"datareporting.policy.dataSubmissionEnabled": false, "app.update.disabledForTesting": true,
		"network.captive-portal-service.enabled": false, "network.connectivity-service.enabled": false,
		"services.settings.server":           "data:,#remote-settings-dummy/v1",
		"extensions.getAddons.cache.enabled": false, "browser.safebrowsing.provider.mozilla.updateURL": "",
	}
	if o.Proxy != "" {
		host, port, err := net.SplitHostPort(o.Proxy)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		maps.Copy(prefs, map[string]any{
			"network.proxy.type": 1, "network.proxy.ssl": host, "network.proxy.ssl_port": n, "network.proxy.http": host,
			"network.proxy.http_port": n, "network.proxy.no_proxies_on": "", "network.proxy.allow_hijacking_localhost": true,
		})
	}
	if o.ThirdPartyCookies {
		prefs["network.cookie.cookieBehavior"] = 0
	}
	if o.Prefetch {
		prefs["network.prefetch-next"] = true
	}
	if o.NoScript {
		prefs["javascript.enabled"] = false
	}
	var js strings.Builder
	for _, name := range slices.Sorted(maps.Keys(prefs)) {
		v, err := json.Marshal(prefs[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(&js, "user_pref(%q, %s);\n", name, v)
	}
	if err := os.WriteFile(filepath.Join(dir, "user.js"), []byte(js.String()), 0o600); err != nil {
		return err
	}
	err := b.run(command{
		name: "firefox-esr", apt: "firefox-esr",
		args: []string{"--headless", "--marionette", "--no-remote", "--profile", dir},
		env:  []string{"HOME=" + dir},
	})
	if err != nil {
		return err
	}
	return b.connectMarionette(filepath.Join(dir, "MarionetteActivePort"))
}

// startWebKit runs Xvfb and WebKitWebDriver, which runs WebKitGTK's MiniBrowser.
func (b *Browser) startWebKit(dir string, o Options) error {
	// The package installs MiniBrowser below a folder of the machine's architecture.
	found, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	if err != nil || len(found) == 0 {
		return missing("MiniBrowser", "webkit2gtk-driver")
	}
	args := []string{"--automation"}
	if o.Proxy != "" {
		args = append(args, "--proxy=http://"+o.Proxy)
	}
	if o.ThirdPartyCookies {
		args = append(args, "--cookies-policy=always")
	}
	if o.NoScript {
		args = append(args, "--enable-javascript-markup=false") // the driver itself needs the other switch, enable-javascript
	}
	display, err := b.startXvfb()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	err = b.run(command{
		name: "WebKitWebDriver", apt: "webkit2gtk-driver", args: []string{"--port=" + strconv.Itoa(port)},
		env: []string{
			"DISPLAY=" + display, "HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/cache", "XDG_DATA_HOME=" + dir + "/data",
			"GSETTINGS_BACKEND=memory", "NO_AT_BRIDGE=1",
			"WEBKIT_DISABLE_DMABUF_RENDERER=1",
		},
	}) // Xvfb has no GPU
	if err != nil {
		return err
	}
	return b.connectHTTP(port, map[string]any{
		"browserName": "MiniBrowser", "acceptInsecureCerts": true,
		"webkitgtk:browserOptions": map[string]any{"binary": found[len(found)-1], "args": args},
	})
}

// startXvfb starts an X server without a screen on a display of its own choice.
func (b *Browser) startXvfb() (display string, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	err = b.run(command{
		name: "Xvfb", apt: "xvfb", pipe: write,
		args: []string{"-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"},
	})
	write.Close()
	if err != nil {
		return "", err
	}
	if err := read.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return "", err
	}
	// Once it listens, Xvfb writes the display's number and then a newline. Without a reader for the second it would end.
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no display from Xvfb: %w", err)
	}
	return ":" + strings.TrimSpace(number), nil
}
