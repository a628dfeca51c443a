package revocation

import (
	"strings"
	"testing"
)

// TestChunks: what is cut may be cut anywhere.
func TestChunks(t *testing.T) {
	whole := "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..Zm9vYmFyYmF6cXV4.Vm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyAAAA.dGhpcy1pcy1hLXRhZy4uLg"
	tests := []struct {
		framework string
		lines     []string
	}{
		{"Auth.js", []string{"token.0=" + whole[:40] + "; token.1=" + whole[40:]}},
		{"Auth.js, three", []string{"token.0=" + whole[:9] + "; token.1=" + whole[9:40] + "; token.2=" + whole[40:]}},
		{"not in order", []string{"token.2=" + whole[40:] + "; token.0=" + whole[:9] + "; a=b; token.1=" + whole[9:40]}},
		{"several lines", []string{"token.0=" + whole[:40], "token.1=" + whole[40:]}},
		{"oauth2-proxy", []string{"_oauth2_proxy_0=" + whole[:40] + "; _oauth2_proxy_1=" + whole[40:]}},
		{"ASP.NET", []string{"session=chunks-2; sessionC1=" + whole[:40] + "; sessionC2=" + whole[40:]}},
		{"one in front of the first", []string{"sessionC0=x; sessionC1=" + whole[:40] + "; sessionC2=" + whole[40:]}},
		{"a duplicate in front", []string{"token.0=x; token.0=" + whole[:40] + "; token.1=" + whole[40:]}},
		{"a duplicate behind", []string{"token.0=" + whole[:40] + "; token.1=" + whole[40:] + "; token.1=x"}},
		{"spaces and quotes", []string{`token.0 = "` + whole[:40] + `" ;  token.1 = "` + whole[40:] + `"`}},
	}
	for _, test := range tests {
		t.Run(test.framework, func(t *testing.T) {
			list := open(t)
			revoke(t, list, whole)
			lines := append(test.lines, "theme1=dark; theme2=light")
			kept, refused := list.WithoutRefused(lines)
			if !list.RefusesAny(lines) || len(refused) < 2 || list.RefusesAny(kept) || !strings.Contains(strings.Join(kept, ";"), "theme2=light") {
				t.Errorf("%q passes: kept %q, refused %v", lines, kept, refused)
			}
			if allocs := testing.AllocsPerRun(10, func() { list.RefusesAny(lines) }); allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
			// The other way round: chunks are presented at logout, the whole later.
			list = open(t)
			revoke(t, list, JoinedChunks(lines[:len(test.lines)])...)
			if !list.Refuses(whole) && !strings.Contains(test.framework, "duplicate") {
				t.Error("the whole passes")
			}
		})
	}
}
