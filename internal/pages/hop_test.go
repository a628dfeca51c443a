package pages

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

func hopTo(next string) Hop {
	return Hop{Done: 1, Steps: 3, Path: "/out/hop", SitePath: "/out/site", Next: origin.Parse(next), Token: "token"}
}

// TestHop: the form leads to the next site, and the policy lets it.
func TestHop(t *testing.T) {
	hop := hopTo("https://b.org:8443")
	hop.Hub = origin.Parse("https://hub.example.com")
	hop.Stops = []NextStop{{Number: 2, Origin: origin.Parse("https://b.org:8443")}, {Number: 0, Origin: origin.Parse("https://a.example.com")}}
	p := hop.Page()
	if p.Form.Action != "https://b.org:8443/out/hop" || p.Form.Origin != "https://b.org:8443" || !p.Form.ByItself || p.Form.Button != "Continue to b.org:8443" {
		t.Errorf("form %+v", p.Form)
	}
	if p.Over != "https://hub.example.com/out/site" || p.Self != "/out/hop" || !p.Forget || !p.OnTour || p.OfSteps() != "of 3 steps done" {
		t.Errorf("%+v", p)
	}
	if s := p.Stops[1]; s.Hop != "https://a.example.com/out/hop" || s.Site != "https://a.example.com/out/site" {
		t.Errorf("stop %+v", s)
	}
	policy := p.policy()
	for _, want := range []string{"form-action https://b.org:8443 https://a.example.com;", "connect-src https://hub.example.com https://b.org:8443 https://a.example.com"} {
		if !strings.Contains(policy+";", want) {
			t.Errorf("%s lacks %s", policy, want)
		}
	}
	if hop.Stops[0].Hop != "" {
		t.Error("writes into what it was given")
	}
}

// TestHopByClick: without script a button leads on, and nothing goes by itself.
func TestHopByClick(t *testing.T) {
	hop := hopTo("https://b.org")
	for name, p := range map[string]Page{"plain": hop.PlainPage(), "done": hop.DonePage(), "over": Over("/out/", "/out/hop")} {
		w := httptest.NewRecorder()
		if err := Write(w, 200, p); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		if p.Kind != "progress" || !p.OnTour || p.Form.ByItself || p.Next != "" || !strings.Contains(body, "<button>Continue") {
			t.Errorf("%s: %s", name, body)
		}
		if strings.Contains(body, "<script") != (name == "over") { // which looks for the token in the history
			t.Errorf("%s: script: %s", name, body)
		}
	}
	if hop.Last = true; hop.PlainPage().Text == hopTo("https://b.org").PlainPage().Text {
		t.Error("the last one says nothing of its own")
	}
}

// TestPolicyStaysSmall: of many addresses, registrable domains stand for hosts.
func TestPolicyStaysSmall(t *testing.T) {
	hop := hopTo("https://b.org")
	for i := range 100 {
		hop.Asks = append(hop.Asks, Ask{URL: fmt.Sprintf("https://app-%d.example.com:8443/out/site", i)})
	}
	hop.Asks = append(hop.Asks, Ask{URL: "https://192.0.2.1/out/site"})
	if got, want := hop.Page().connects(), "https://example.com:8443 https://*.example.com:8443 https://192.0.2.1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	hop.Asks = hop.Asks[:2]
	if got, want := hop.Page().connects(), "https://app-0.example.com:8443 https://app-1.example.com:8443"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
