package journey

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSweepIsOfItsBrowser: a link to one does nothing for anybody else.
func TestSweepIsOfItsBrowser(t *testing.T) {
	s := newLab(t)
	elsewhere, empty := sweep(), sweep()
	elsewhere.Host = other.Host
	empty.Leftover = nil
	address := s.SweepURL(sweep())
	path, query, _ := strings.Cut(address, "?")
	if path != "/logout" {
		t.Errorf("is at %s", path)
	}
	const browser = "__Host-universal-logout=browser"
	for name, tc := range map[string]struct {
		request *http.Request
		after   time.Duration
		ok      bool
	}{
		"its browser":             {get(query, browser), 0, true},
		"more in the query":       {get(query+"&utm=x&%zz", browser), 0, true},
		"late":                    {get(query, browser), LandingLifetime, true},
		"too late":                {get(query, browser), LandingLifetime + time.Second, false},
		"no browser":              {get(query), 0, false},
		"another browser":         {get(query, "__Host-universal-logout=another"), 0, false},
		"without __Host-":         {get(query, "universal-logout=browser"), 0, false},
		"not in front":            {get("utm=x&"+query, browser), 0, false},
		"no query":                {get("", browser), 0, false},
		"another's token":         {get("universal-logout=AAAA", browser), 0, false},
		"a site's question":       {get("universal-logout=site", browser), 0, false},
		"another host's":          {get(strings.SplitN(s.SweepURL(elsewhere), "?", 2)[1], browser), 0, false},
		"with nothing to expire":  {get("universal-logout="+sweepToken.Seal(s.Keys, empty), browser), 0, false},
		"the landing page's":      {get("universal-logout="+tokenIn(s.DoneURL(*landing())), browser), 0, false},
		"cut":                     {get(query[:len(query)-1], browser), 0, false},
		"a form, which apps take": {post(query, browser), 0, false},
	} {
		s.now = start.Add(tc.after)
		got, ok := s.OpenSweep(tc.request, app)
		if ok != tc.ok || ok && (got.Leftover.Next != 3 || got.Landing.Target != "/bye") {
			t.Errorf("%s: %t %+v", name, ok, got)
		}
	}
}

func post(query, cookies string) *http.Request {
	r := get(query, cookies)
	r.Method = http.MethodPost
	return r
}

// TestNextURL: expirations first, then the landing page, or the page that was
// opened if there is none.
func TestNextURL(t *testing.T) {
	s := newLab(t)
	last, page := sweep(), sweep().WithoutLanding()
	last.Leftover = nil
	page.Leftover, page.Page = nil, "/inbox"
	swept := sweep()
	left := *swept.Leftover
	left.Next = -1
	swept.Leftover = &left
	for name, tc := range map[string]struct {
		sweep  Sweep
		begins string
		last   bool
	}{
		"expirations left":       {sweep(), "/logout?universal-logout=", false},
		"no landing page, later": {sweep().WithoutLanding(), "/logout?universal-logout=", false},
		"none left":              {swept, "/.universal-logout/done?t=", true},
		"none ever":              {last, "/.universal-logout/done?t=", true},
		"the page":               {page, "/inbox", true},
	} {
		if next := s.NextURL(tc.sweep); !strings.HasPrefix(next, tc.begins) || tc.sweep.IsLast() != tc.last {
			t.Errorf("%s: %s", name, next)
		}
	}
	if sweep := sweep(); sweep.WithoutLanding().Landing != nil || sweep.Landing == nil {
		t.Error("takes the landing page from its caller")
	}
}

// TestWithProvider: only a session that lives needs a click, and somebody who
// stays to click it.
func TestWithProvider(t *testing.T) {
	for end, want := range map[VisitEnd]Landing{
		{SignOn: SignOnEnded, Link: "/x"}: {Provider: "SSO", SignOn: SignOnEnded, GoesOn: true},
		{SignOn: SignOnNone, Link: "/x"}:  {Provider: "SSO", SignOn: SignOnNone, GoesOn: true},
		{SignOn: SignOnAlive, Link: "/x"}: {Provider: "SSO", SignOn: SignOnAlive, ProviderLink: "/x"},
		{SignOn: SignOnAlive}:             {Provider: "SSO", SignOn: SignOnAlive},
		{}:                                {Provider: "SSO", GoesOn: true},
	} {
		given := sweep()
		got := given.WithProvider("SSO", end).Landing
		if got.Provider != want.Provider || got.SignOn != want.SignOn || got.ProviderLink != want.ProviderLink || got.GoesOn != want.GoesOn || got.Target != "/bye" {
			t.Errorf("%+v: %+v", end, got)
		}
		if given.Landing.Provider != "" || !given.Landing.GoesOn {
			t.Errorf("%+v: changes the caller's", end)
		}
	}
	if got := sweep().WithoutLanding().WithProvider("SSO", VisitEnd{SignOn: SignOnAlive}); got.Landing != nil {
		t.Error("makes a landing page")
	}
}
