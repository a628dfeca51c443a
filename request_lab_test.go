package universallogout

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// request makes one; headers are "Name: value".
func request(method, url, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// What browsers send of their own with clicks, forms and fetches.
var (
	clicked   = []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"}
	submitted = append([]string{"Origin: https://app.example.com", "Content-Type: application/x-www-form-urlencoded"}, clicked...)
	fetched   = []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: */*", "Origin: https://app.example.com"}
)

// fromElsewhere is what browsers send with a click on a foreign page.
var fromElsewhere = append([]string{"Sec-Fetch-Site: cross-site"}, clicked[1:]...)

func with(headers []string, more ...string) []string {
	return append(append([]string{}, headers...), more...)
}

// callers are who can send a logout.
var callers = map[string]struct {
	method, body string
	headers      []string
	person       bool
}{
	"navigation":     {"GET", "", clicked, true},
	"form":           {"POST", "csrf=1", submitted, true},
	"fetch":          {"POST", "", fetched, false},
	"fetch for JSON": {"POST", `{"a":1}`, append([]string{"Accept: application/json", "Content-Type: application/json"}, slices.DeleteFunc(slices.Clone(fetched), func(h string) bool { return strings.HasPrefix(h, "Accept") })...), false},
}

func mustURL(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return new(url.URL)
	}
	return u
}

func bodyOf(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func headerBytes(res *http.Response) (n int) {
	for name, values := range res.Header {
		for _, v := range values {
			n += len(name) + len(": \r\n") + len(v)
		}
	}
	return n
}
