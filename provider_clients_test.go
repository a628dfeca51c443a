package universallogout

import "testing"

// TestClientsAreNeverMixed: RPI-13, through a whole logout. Two clients with
// addresses of their own; each hint goes with its client's.
func TestClientsAreNeverMixed(t *testing.T) {
	const ours, bye = "https://app.example.com/.universal-logout/return", "https://app.example.com/bye"
	for name, tc := range map[string]struct {
		cookie  func(*signOn) string
		client  string
		returns string
		hint    bool
	}{
		"the app's":         {func(so *signOn) string { return so.hint(appClient) }, appClient, bye, true},
		"the edge's":        {func(so *signOn) string { return so.hint(edgeClient) }, edgeClient, ours, true},
		"a third client's":  {func(so *signOn) string { return so.hint("somebody") }, appClient, bye, false},
		"for both of them":  {func(so *signOn) string { return so.bothClients("") }, appClient, bye, true},
		"and a third party": {func(so *signOn) string { return so.bothClients("somebody") }, appClient, bye, true},
		"no hint":           {func(*signOn) string { return "x" }, appClient, bye, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{options: "just_in_time_hint off", site: "client_id app\npost_logout_redirect_uri " + bye})
			raw := tc.cookie(so)
			so.setCookie("idToken=" + raw)
			so.click()
			ends := so.visits("/logout")
			if len(ends) != 1 {
				t.Fatalf("%d visits", len(ends))
			}
			q := ends[0].Query
			if q.Get("client_id") != tc.client || q.Get("post_logout_redirect_uri") != tc.returns || (q.Get("id_token_hint") == raw) != tc.hint || q.Has("id_token_hint") != tc.hint {
				t.Errorf("sent %v", q)
			}
		})
	}
}

// bothClients is an ID token with several audiences.
func (so *signOn) bothClients(third string) string {
	return so.op.IDToken(appClient, "ana", so.sid, func(c map[string]any) {
		audience := []string{edgeClient, appClient}
		if third != "" {
			audience = append(audience, third)
		}
		c["aud"], c["azp"] = audience, appClient
	})
}
