package universallogout

import "testing"

func wantMetrics(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v; there are %v", name, got[name], value, got)
		}
	}
}

// TestMetrics: one logout counts once, wherever it goes, and each app once.
func TestMetrics(t *testing.T) {
	lab := newTourLab(t, "", groupSites...)
	read := lab.ownMetrics()
	lab.follow(lab.visitor("ana"), lab.signOutForm("a.alpha.com"))
	lab.do(request("GET", "https://b.alpha.com/logout", "", clicked...)) // nobody's
	revokeBy(lab.app, `{"issuer":"`+testIssuer+`","sub":"ana"}`)         // no such issuer here
	want := map[string]float64{
		`logouts_total{initiator="user",result="ok"}`:         1,
		`logouts_total{initiator="user",result="none"}`:       1,
		`app_logouts_total{app="b.alpha.com",outcome="none"}`: 1,
		`logouts_total{initiator="admin",result="ok"}`:        0,
		`log_lag_seconds{}`: 0,
		`app_logout_duration_seconds{app="a.alpha.com"}`:             1,
		`app_logouts_total{app="127.0.0.1",outcome="ended"}`:         0,
		`app_logout_duration_seconds{app="unknown.example.com"}`:     0,
		`revocations{kind="subject"}`:                                0,
		`provider_requests_total{provider="",endpoint="",result=""}`: 0,
	}
	for _, host := range groupSites {
		want[`app_logouts_total{app="`+host+`",outcome="ended"}`] = 1
	}
	wantMetrics(t, read(), want)
}

// TestMetricsAreBounded: whatever a request calls its host, the label is what
// the configuration says.
func TestMetricsAreBounded(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `*.example.com {
		universal_logout {
			hosts one.example.com
		}
		reverse_proxy `+app.addr()+`
	}
	https:// {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	read := s.ownMetrics()
	for _, host := range []string{"one.example.com", "two.example.com", "three.example.com", "a.example.org", "b.example.org"} {
		s.do(request("GET", "https://"+host+"/logout", "", with(clicked, "Cookie: sessionid=x")...))
	}
	got := read()
	wantMetrics(t, got, map[string]float64{
		`app_logouts_total{app="one.example.com",outcome="ended"}`: 1,
		`app_logouts_total{app="*.example.com",outcome="ended"}`:   2,
		`app_logouts_total{app="_other",outcome="ended"}`:          2,
	})
	s.app.teller.Refused("cookie")
	s.app.teller.Refused("sessionid=x")
	wantMetrics(t, read(), map[string]float64{`refused_total{kind="cookie"}`: 1, `refused_total{kind="_other"}`: 1})
}

// TestProviderMetrics: what we ask a provider ourselves, and what it says.
func TestProviderMetrics(t *testing.T) {
	so := newSignOn(t, signOnConfig{})
	so.alone(8)
	read := so.ownMetrics()
	so.setCookie("accessToken=" + accessSecret)
	so.wantEnded(so.click())
	eventually(t, "the token is revoked", func() bool { return len(so.op.Seen("/revoke")) == 1 && so.isIdle() })
	got := read()
	wantMetrics(t, got, map[string]float64{
		`provider_requests_total{endpoint="discovery",provider="main",result="ok"}`:  1,
		`provider_requests_total{endpoint="token",provider="main",result="ok"}`:      1,
		`provider_requests_total{endpoint="jwks",provider="main",result="ok"}`:       1,
		`provider_requests_total{endpoint="revocation",provider="main",result="ok"}`: 1,
		`logouts_total{initiator="user",result="ok"}`:                                1,
	})
	if got[`provider_requests_total{endpoint="probe",provider="main",result="ok"}`] == 0 {
		t.Errorf("probes are not counted: %v", got)
	}

	down := newSignOn(t, signOnConfig{issuer: "http://127.0.0.1:1"})
	read = down.ownMetrics()
	down.click()
	wantMetrics(t, read(), map[string]float64{`provider_requests_total{endpoint="discovery",provider="main",result="unreachable"}`: 1})
}
