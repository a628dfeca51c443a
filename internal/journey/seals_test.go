package journey

import (
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// kinds are all tokens: how each is made, and who takes it for one of his.
func (s *lab) kinds(t testing.TB) (tokens map[string]string, opens map[string]func(token string) bool) {
	t.Helper()
	marker, ok := s.SealMarker(app, Journey{Tour: aTour(), Sweep: sweep()}, MarkerLifetime)
	if !ok {
		t.Fatal("no marker")
	}
	value := func(line string) string {
		_, value, _ := strings.Cut(pair(line), "=")
		return value
	}
	tokens = map[string]string{
		"landing": tokenIn(s.DoneURL(*landing())),
		"sweep":   tokenIn(s.SweepURL(sweep())),
		"marker":  value(marker),
		"state":   s.SealState(visit(), app),
		"tour":    s.SealTour(*aTour()),
		"report":  s.SealReport(tour.Report{ID: "tour", AppNo: 1, Result: tour.Ended}),
		"hub":     value(s.RememberTour(app, aTour())),
	}
	const browser = "__Host-universal-logout=browser; "
	opens = map[string]func(token string) bool{
		"landing": func(token string) bool { _, ok := s.OpenLanding(token, app); return ok },
		"sweep": func(token string) bool {
			_, ok := s.OpenSweep(get("universal-logout="+token, browser), app)
			return ok
		},
		"marker": func(token string) bool {
			_, ok := s.OpenMarker(get("", browser+"__Host-universal-logout-marker="+token), app)
			return ok
		},
		"state":  func(token string) bool { _, ok := s.OpenState(token); return ok },
		"tour":   func(token string) bool { _, ok := s.OpenTour(token); return ok },
		"report": func(token string) bool { _, ok := s.OpenReport(token); return ok },
		"hub": func(token string) bool {
			return s.RememberedTour(get("", browser+"__Host-universal-logout-tour="+token), app) != ""
		},
	}
	return tokens, opens
}

// TestTokensOfOneKindAreNoneOfAnother: and none of another edge's.
func TestTokensOfOneKindAreNoneOfAnother(t *testing.T) {
	s, stranger := newLab(t), newLab(t)
	tokens, opens := s.kinds(t)
	foreign, _ := stranger.kinds(t)
	for kind, token := range tokens {
		for asked, open := range opens {
			if open(token) != (kind == asked) {
				t.Errorf("%s is a %s: %t", kind, asked, kind != asked)
			}
		}
		if opens[kind](foreign[kind]) || opens[kind]("") {
			t.Errorf("%s of a stranger is open", kind)
		}
	}
}

// TestTokensGetOld: each has ten minutes, but a report, which is as old as its
// tour.
func TestTokensGetOld(t *testing.T) {
	for _, at := range tenMinutes {
		s := newLab(t)
		tokens, opens := s.kinds(t)
		s.now = start.Add(at.after)
		for _, kind := range []string{"landing", "sweep", "state", "tour", "hub"} {
			if opens[kind](tokens[kind]) != at.ok {
				t.Errorf("%s, %s later: %t", kind, at.after, !at.ok)
			}
		}
		if !opens["report"](tokens["report"]) {
			t.Errorf("report, %s later", at.after)
		}
	}
}

// TestOldTokensAreRead: a caller may have use for what is too old.
func TestOldTokensAreRead(t *testing.T) {
	s := newLab(t)
	tokens, _ := s.kinds(t)
	s.now = start.Add(LandingLifetime * 2)
	if got, ok := s.OpenTour(tokens["tour"]); ok || got.ID != "tour" {
		t.Errorf("tour %q %t", got.ID, ok)
	}
	if st, ok := s.OpenState(tokens["state"]); ok || st.ID != "visit" {
		t.Errorf("state %q %t", st.ID, ok)
	}
	if j, ok := s.OpenMarker(get("", "__Host-universal-logout-marker="+tokens["marker"]), app); ok || j.Tour == nil {
		t.Errorf("marker %+v %t", j, ok)
	}
	if done, ok := s.OpenLanding(tokens["landing"], app); ok || done.ID != "" {
		t.Errorf("landing %q %t", done.ID, ok)
	}
}

// FuzzTokens: what anybody puts into a query and into cookies opens nothing.
func FuzzTokens(f *testing.F) {
	tokens, _ := newLab(f).kinds(f)
	for _, token := range tokens {
		f.Add("universal-logout="+token, "__Host-universal-logout-marker="+token+"; __Host-universal-logout-tour="+token+"; __Host-universal-logout=browser", token)
	}
	f.Add("universal-logout=%zz;&&=", `__Host-universal-logout-marker=""; =; ;`, "")
	f.Add("universal-logout", "__Host-universal-logout-marker", "AAAA")
	s := newLab(f) // with other keys
	_, opens := s.kinds(f)
	f.Fuzz(func(t *testing.T, query, cookies, token string) {
		r := get(query, cookies)
		if _, ok := s.OpenSweep(r, app); ok {
			t.Error("a sweep is open")
		}
		if _, ok := s.OpenMarker(r, app); ok {
			t.Error("a marker is open")
		}
		if s.RememberedTour(r, app) != "" {
			t.Error("a hub's cookie is open")
		}
		for kind, open := range opens {
			if open(token) {
				t.Errorf("%s is open", kind)
			}
		}
	})
}

// FuzzOlderTokens: whatever another version of us has sealed, what is open is of
// this host, and says enough to go on with.
func FuzzOlderTokens(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `x`, `{"i":"x","p":-1,"a":"AAAA","m":1767323045}`,
		`{"r":{"h":"app.example.com","m":1767323045,"b":"browser","r":{"p":"/logout","l":-1,"n":-5}},"t":{"i":"x"},"w":true}`,
		`{"h":"app.example.com","m":1767323045,"b":"browser","r":{"p":"//evil.example","l":3}}`,
		`{"v":{"s":"end","b":"/","c":[{}]},"r":{"h":"app.example.com","m":1767323045}}`, `{"h":"app.example.com","b":1767323045,"r":{}}`,
	} {
		f.Add([]byte(seed))
	}
	s := newLab(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		sealed := func(purpose string) string { return s.Keys.Seal(purpose, plain) }
		r := get("universal-logout="+sealed("round"), "__Host-universal-logout=browser; __Host-universal-logout-marker="+sealed("marker")+"; __Host-universal-logout-tour="+sealed("hub"))
		if sweep, ok := s.OpenSweep(r, app); ok {
			if sweep.Host != app.Host || sweep.Leftover == nil || sweep.Browser != "browser" {
				t.Errorf("%+v", sweep)
			}
			sweep.Leftover.Expire(r.Header["Cookie"], app)
			s.NextURL(sweep)
		}
		st, _ := s.OpenState(sealed("state"))
		on, _ := s.OpenTour(sealed("tour"))
		s.OpenReport(sealed("word"))
		s.RememberedTour(r, app)
		if j, ok := s.OpenMarker(r, app); ok {
			if j.Sweep.Host != app.Host || j.Visit == nil && j.Tour == nil && j.Sweep.Leftover == nil {
				t.Errorf("%+v", j)
			}
			if j.IsOn(on) && j.Sweep.Landing == nil {
				t.Error("on a tour without an end")
			}
			j.IsAbout(st, app)
			j.IsAway("/")
			s.NextURL(j.Sweep.WithProvider("p", VisitEnd{}))
			s.ResumeURL(app, &j)
		}
		if done, ok := s.OpenLanding(sealed("landing"), app); ok && done.Host != app.Host {
			t.Errorf("%+v", done)
		}
	})
}
