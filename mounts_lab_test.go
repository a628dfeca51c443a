package universallogout

import (
	"slices"
	"strings"
	"testing"
)

// named is a directive with a name.
func named(name string) string { return "\nuniversal_logout {\n return_to /" + name + "\n }\n" }

// jsonSites is a configuration with these servers.
func jsonSites(t *testing.T, servers string) *site {
	t.Helper()
	s, err := loadJSON(t, []byte(`{"admin":{"disabled":true},"apps":{"universal_logout":{},"http":{"http_port":8080,"servers":`+servers+`}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// described are mounts as people would write them: the handler's name, which
// is its return_to, and its addresses.
func described(places []mount) []string {
	var all []string
	for _, p := range places {
		line := strings.TrimPrefix(p.Handler.ReturnTo, "/")
		if p.Handler.Role == roleAddresses {
			line = "addresses"
		}
		hosts := p.Hosts
		if hosts == nil {
			hosts = []string{"any"}
		}
		for _, host := range hosts {
			line += " " + p.Server.Origin(host).String() + p.Cut
		}
		all = append(all, line)
	}
	return all
}

func wantPlaces(t *testing.T, s *site, want []string) {
	t.Helper()
	if got := described(s.app.mounts()); !slices.Equal(got, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
