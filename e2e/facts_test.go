package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// The tests named TestBrowserFact… are about browsers alone, with neither Caddy nor this module between them and a plain
// server. They pin what the design rests on and no standard promises, or what engines do in spite of one. If an update of a
// browser breaks such a test, the table is to be corrected and the part of this module that it names to be thought over.

// perEngine is what each engine was seen to do. Where one does this at one time and that at another, it is "this or that".
type perEngine struct{ chromium, firefox, webkit string }

func everywhere(s string) perEngine { return perEngine{s, s, s} }

func (p perEngine) of(e browser.Engine) string {
	return map[browser.Engine]string{browser.Chromium: p.chromium, browser.Firefox: p.firefox, browser.WebKit: p.webkit}[e]
}

// wantFact compares what the browser did with what it is known to do.
func (v *visitor) wantFact(what, got string, known perEngine, rests string) {
	v.t.Helper()
	if want := known.of(v.Engine); !slices.Contains(strings.Split(want, " or "), got) {
		v.t.Errorf("%s %s has changed. %s: it does %q, it used to do %q. What rests on it: %s.", v.Engine, v.Version, what, got, want, rests)
	}
}

// seen is what the server saw of a request.
type seen struct {
	method, origin, referer, site, mode, dest string
	cookies                                   string // the names, sorted
}

// A factLab is a plain TLS server for one browser and one test. Its pages do what their address says: see reply.
type factLab struct {
	v      *visitor
	domain string // registrable, and so is other
	other  string

	mu   sync.Mutex
	last map[string]seen // host and path → the last request
}

func startFactLab(v *visitor) *factLab {
	l := &factLab{v: v, domain: newDomain(), other: newDomain(), last: map[string]seen{}}
	server := httptest.NewUnstartedServer(l)
	server.EnableHTTP2 = true
	server.StartTLS()
	v.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	proxy.Route(l.domain, server.Listener.Addr().String())
	proxy.Route(l.other, server.Listener.Addr().String())
	return l
}

// A reply is what the server is to answer, written into the address that asks for it.
type reply struct {
	status int
	header []string // "Name: value"
}

// at returns the address that gets this reply at a host and path.
func (r reply) at(place string) string {
	query := url.Values{"header": r.header}
	if r.status != 0 {
		query.Set("status", strconv.Itoa(r.status))
	}
	return "https://" + place + "?" + query.Encode()
}

// at returns the address of a page with these header fields ("Name: value") at a host and path.
func at(place string, header ...string) string { return reply{header: header}.at(place) }

func (l *factLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := r.Host + r.URL.Path
	names := []string{}
	for _, c := range r.Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	hdr := r.Header
	l.mu.Lock()
	l.last[place] = seen{
		method: r.Method, origin: hdr.Get("Origin"), referer: hdr.Get("Referer"), cookies: strings.Join(names, " "),
		site: hdr.Get("Sec-Fetch-Site"), mode: hdr.Get("Sec-Fetch-Mode"), dest: hdr.Get("Sec-Fetch-Dest"),
	}
	l.mu.Unlock()

	switch r.URL.Path {
	case "/worker.js":
		worker(w, r)
		return
	case "/chain":
		chain(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	query := r.URL.Query()
	for _, line := range query["header"] {
		name, value, _ := strings.Cut(line, ": ")
		w.Header().Add(name, value)
	}
	status, err := strconv.Atoi(query.Get("status"))
	if err != nil {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><title>%s</title><body>", place)
}

// chain redirects to itself as often as the address says, and then to a path.
func chain(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	left, err := strconv.Atoi(query.Get("left"))
	if err != nil || left < 1 || left > 50 {
		http.Error(w, "left is not from 1 to 50", http.StatusBadRequest)
		return
	}
	to := query.Get("path")
	if left > 1 {
		query.Set("left", strconv.Itoa(left-1))
		to = "/chain?" + query.Encode()
	}
	redirect(http.StatusSeeOther, to)(w, r)
}

// request returns the last request for a host and path.
func (l *factLab) request(place string) seen {
	l.v.t.Helper()
	s, ok := l.asked(place)
	if !ok {
		l.v.t.Fatalf("%s never asked for %s", l.v.Engine, place)
	}
	return s
}

func (l *factLab) asked(place string) (seen, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.last[place]
	return s, ok
}

// cookiesAt opens a page and returns the names of the cookies that the server got.
func (l *factLab) cookiesAt(place string) string {
	l.v.t.Helper()
	l.v.goTo(at(place))
	return l.request(place).cookies
}

// submit posts a form, as a script or an impatient person would, and waits for a page of this place.
func (l *factLab) submit(action, place string) {
	l.v.t.Helper()
	l.v.post(action)
	l.v.onTitle(place)
}

// post posts a form and does not wait, not even for the script: Firefox has it fail if the page's policy forbids the form.
func (v *visitor) post(action string) {
	v.t.Helper()
	v.eval(nil, `
		const form = document.createElement("form");
		form.method = "post";
		form.action = args[0];
		document.body.append(form);
		setTimeout(() => form.submit());`, action)
}

// follow clicks a link and does not wait. (What a test's script opens, Firefox opens without a Referer.)
func (v *visitor) follow(to string) {
	v.t.Helper()
	v.eval(nil, `document.body.innerHTML = "<a>go</a>"; document.querySelector("a").href = args[0]`, to)
	v.click("a")
}
