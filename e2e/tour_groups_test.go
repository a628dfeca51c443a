package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Two tenants behind one Caddy, with a group each: nothing of the one, page, header or request, ever names the other; and
// a logout of the one leaves the other as it was.
func TestTwoGroupsKnowNothingOfEachOther(t *testing.T) {
	lab := planTour(t, "session_cookies sid\ngroup alpha", 2, 1)
	alphas := lab.hosts
	for i, n := range []int{2, 1} {
		domain := newDomain()
		if i == 1 {
			domain = lab.domains[0] // tenants may share one, too
		}
		for k := range n {
			host := fmt.Sprintf("beta%d.%s", k, domain)
			lab.hosts = append(lab.hosts, host)
			lab.site[host] = lab.directive("session_cookies sid\ngroup beta")
		}
	}
	betas := lab.hosts[len(alphas):]
	lab.start(t, "")

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		s := lab.signIn(v)
		beta := sessions{}
		for _, host := range betas {
			beta[host] = s[host]
			delete(s, host)
		}
		lab.logOut(v, alphas[0])
		v.onOurPage("landing")
		var page string
		v.eval(&page, "return document.documentElement.outerHTML")
		if strings.Contains(page, "beta") {
			t.Errorf("the landing page of alpha names a site of beta: %s", page)
		}
		lab.wantEnded(v, s)
		lab.wantAlive(v, beta)
	})

	for _, e := range lab.caddy.since(0) {
		if !strings.HasPrefix(e.Request.URI, "/.universal-logout/") && !strings.HasPrefix(e.Request.URI, "/logout") {
			continue
		}
		if strings.HasPrefix(e.Request.Host, "beta") {
			t.Errorf("a logout of alpha led to beta: %s %s%s", e.Request.Method, e.Request.Host, e.Request.URI)
		}
		for name, values := range e.RespHeaders {
			if strings.Contains(strings.Join(values, " "), "beta") {
				t.Errorf("%s%s: %s names beta: %v", e.Request.Host, e.Request.URI, name, values)
			}
		}
	}
	// What no browser shows long enough: the first page of a tour, and the question.
	a := newAttacker(t, lab)
	for _, path := range []string{"/logout", "/.universal-logout/", "/.universal-logout/hop"} {
		r, err := http.NewRequest(http.MethodPost, "https://"+alphas[0]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "sid=0123456789abcdef0123456789abcdef")
		r.Header.Set("Origin", "https://"+alphas[0])
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		response, err := a.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(body), "<main") || strings.Contains(string(body), "beta") {
			t.Errorf("%s: status %d, %v: %s", path, response.StatusCode, err, body)
		}
	}
}
