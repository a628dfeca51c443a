package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// output collects what the demo prints, and tells when it has printed something.
type output struct{ lines chan string }

func (o output) Write(p []byte) (int, error) {
	o.lines <- string(p)
	return len(p), nil
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// startDemo runs the demo until the test ends, and returns a client that trusts it and finds its hosts.
func startDemo(t *testing.T, port int) (client *http.Client, printed string) {
	t.Helper()
	data := t.TempDir()
	// Caddy keeps a few small things of its own beside the storage. Not in the home directory of who tests.
	t.Setenv("XDG_DATA_HOME", data)
	t.Setenv("XDG_CONFIG_HOME", data)

	ctx, stop := context.WithCancel(t.Context())
	out := output{lines: make(chan string, 100)}
	done := make(chan error, 1)
	go func() { done <- run(ctx, port, data, out) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the demo ended with: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the demo does not stop")
		}
	})

	// All of the greeting: the template writes it piece by piece.
	deadline := time.After(60 * time.Second)
	for !strings.Contains(printed, "Ctrl-C") {
		select {
		case s := <-out.lines:
			printed += s
		case err := <-done:
			done <- err
			t.Fatalf("the demo did not start: %v", err)
		case <-deadline:
			t.Fatal("the demo does not start")
		}
	}

	pem, err := os.ReadFile(rootCertificate(data))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port)) // browsers know *.localhost, Go does not
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}, printed
}

func TestDemo(t *testing.T) {
	port := freePort(t)
	client, printed := startDemo(t, port)

	t.Run("says where to go and what to trust", func(t *testing.T) {
		for _, text := range []string{
			fmt.Sprintf("https://notes.localhost:%d\n", port),
			fmt.Sprintf("https://chat.localhost:%d\n", port),
			fmt.Sprintf("https://shop.localhost:%d\n", port),
			fmt.Sprintf("https://login.localhost:%d\n", port),
			"any password",
			"/pki/authorities/local/root.crt\n",
			"warn about the certificate",
		} {
			if !strings.Contains(printed, text) {
				t.Errorf("%q is missing in:\n%s", text, printed)
			}
		}
	})

	t.Run("a second one says that the port is taken", func(t *testing.T) {
		err := run(t.Context(), port, t.TempDir(), output{})
		if err == nil || !strings.Contains(err.Error(), "-port") {
			t.Errorf("got %v", err)
		}
	})

	for _, s := range newDemo(port).apps {
		t.Run(s.Name+" logs out through Caddy, and of the provider too", func(t *testing.T) {
			b := newBrowser(t, client, s.URL)
			b.signIn("Ana")
			logOutThroughCaddy(t, b, s)
		})
	}
}

// logOutThroughCaddy logs out as the app's own page would, goes wherever that leads, and looks at what is left.
func logOutThroughCaddy(t *testing.T, b *browser, s *site) {
	t.Helper()
	login := b.at(&site{URL: strings.Replace(s.URL, s.Host, "login.localhost", 1)})
	if login.has("op_session") == nil {
		t.Fatal("no single sign-on")
	}
	method, path, form := http.MethodPost, "/logout", url.Values{}
	switch s.Name {
	case "Notes":
		method = http.MethodGet
	case "Chat":
		path = "/api/logout"
	case "Shop":
		path = "/session/end"
		_, page := b.get("/")
		form.Set("csrf", csrfIn(t, page))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", s.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if s.Name == "Chat" {
		req.Header.Set("Sec-Fetch-Mode", "cors")
		req.Header.Set("Sec-Fetch-Dest", "empty")
		status, body := b.read(b.Do(req))
		want(t, "log out", status, body, 200, "")
		req = b.navigation(s.URL + "/") // the page reloads itself
	} else {
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
	}
	where := b.travel(req)
	way := strings.Join(where, "\n")
	if !strings.HasPrefix(where[len(where)-1], s.URL+"/") || strings.Count(way, "login.localhost") == 0 {
		t.Errorf("the logout led to\n%s\nwant the provider, and back", way)
	}

	// has is nil for an op_session that the provider deleted; a copy of it is worth nothing either.
	if b.has(sessionCookie) != nil || b.has("idToken") != nil || login.has("op_session") != nil {
		t.Error("the browser still has a session cookie")
	}
	_, page := login.follow("/")
	want(t, "the provider's sessions", 200, page, 200, `<dd id="live">0</dd>`)
	if s.Name == "Chat" {
		status, page := b.get("/api/me")
		want(t, "the app's sessions", status, page, 200, `{"live":0,"user":""}`)
	} else {
		_, page := b.follow("/")
		want(t, "the app's sessions", 200, page, 200, `<dd id="live">0</dd>`)
	}
	if at, page := b.follow("/login"); !strings.Contains(page, `type="password"`) {
		t.Errorf("the next sign-in asks for no password, and ended at %s", at)
	}
}

// navigation is a request for a page, as a browser makes it.
func (b *browser) navigation(to string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Dest", "document")
	return req
}

// next is where a page without script goes on to by itself.
var next = regexp.MustCompile(`(?i)http-equiv="refresh" content="0; ?url=([^"]+)"`)

// travel makes a request, goes on to wherever the answers send a browser, and returns the addresses on its way.
func (b *browser) travel(req *http.Request) []string {
	b.t.Helper()
	var way []string
	for len(way) < 20 {
		way = append(way, req.URL.String())
		resp, err := b.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		status, page := b.read(resp, nil)
		to := resp.Header.Get("Location")
		if to == "" {
			m := next.FindStringSubmatch(page)
			if m == nil {
				want(b.t, "the way ends with "+way[len(way)-1], status, page, 200, "")
				return way
			}
			to = html.UnescapeString(m[1])
		}
		u, err := req.URL.Parse(to)
		if err != nil {
			b.t.Fatal(err)
		}
		from := req.URL
		req = b.navigation(u.String())
		if u.Host != from.Host {
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	b.t.Fatalf("the way does not end:\n%s", strings.Join(way, "\n"))
	return nil
}
