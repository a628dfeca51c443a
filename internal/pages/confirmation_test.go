package pages

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestRepeat: the form sends what came, field by field, in its order. Only of
// what may be repeated by itself there is a form that goes by itself.
func TestRepeat(t *testing.T) {
	for _, tc := range []struct{ method, target, fields, want string }{
		{"GET", "/logout", "a=ignored", `get "/logout" []`},
		{"GET", "/logout?b=1&a=2&b=%C3%A4+x&c&=d&%zz=1", "", `get "/logout" [[b 1] [a 2] [b ä x] [c ] [ d] [%zz 1]]`},
		{"HEAD", "/logout?x=1", "", `get "/logout" [[x 1]]`},
		{"POST", "/logout?x=1&y", "", `post "/logout?x=1&y" []`},
		{"POST", "/logout", "a=1&a=2", `post "/logout" [[a 1] [a 2]]`},
		{"GET", "//evil.example/logout", "", `get "" []`}, // it would lead there
	} {
		r := httptest.NewRequest(tc.method, "https://app.example.com/", nil)
		u, err := r.URL.Parse("https://app.example.com" + tc.target)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI = u, tc.target
		asks, again := Confirmation(r, origin.Parse("https://app.example.com"), tc.fields), Again(r, tc.fields)
		for _, f := range []*form{asks.Form, again.Form} {
			if got := fmt.Sprintf("%s %q %v", f.Method, f.Action, f.Fields); got != tc.want {
				t.Errorf("%s %s %s:\n got %s\nwant %s", tc.method, tc.target, tc.fields, got, tc.want)
			}
		}
		if asks.Form.ByItself || !again.Form.ByItself {
			t.Errorf("by itself: %v, %v", asks.Form.ByItself, again.Form.ByItself)
		}
	}
}

// TestEverywhere: what is unfinished is bad news, whatever brought the person.
func TestEverywhere(t *testing.T) {
	for _, says := range []Page{AskEverywhere, AskForeign, AskOutdated, AskForgotten} {
		p := Everywhere(says, "/out/", []string{"a.example.com", "a.example.com/b"}, false)
		if p.Kind != "everywhere" || p.Title != says.Title || p.Text != says.Text || p.Form.Action != "/out/" || len(p.Apps) != 2 || p.Apps[1].Name != "a.example.com/b" {
			t.Errorf("%+v", p)
		}
		if p := Everywhere(says, "/out/", nil, true); p.Mood != moodBad || p.Title != says.Title || p.Text != textUnfinished || p.Apps != nil {
			t.Errorf("unfinished: %+v", p)
		}
	}
}
