package revocation

import (
	"slices"
	"strings"
	"testing"
)

const (
	plainJWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
	anybodys = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.AA"
)

// TestJWTs: wherever apps find a JWT in a value, its claims are found there.
func TestJWTs(t *testing.T) {
	for value, want := range map[string][]string{
		plainJWT:                             {anybodys},
		`"` + plainJWT + `"`:                 {anybodys},
		`"` + octal(plainJWT) + `"`:          {anybodys},
		percent(plainJWT):                    {anybodys},
		`j:"\u0065` + plainJWT[1:] + `"`:     {anybodys},
		"s:" + plainJWT + ".another":         {anybodys},
		"Bearer%20" + plainJWT:               {anybodys},
		"a=b,t=" + plainJWT + ";" + plainJWT: {anybodys, anybodys},
		plainJWT + "!=":                      {anybodys},
		`\u00zz` + plainJWT:                  {`\u00zz` + anybodys},
		opaqueID:                             nil,
		"":                                   nil,
	} {
		if got := slices.Collect(JWTs(value)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// TestAsJWT: what reads as a JWT, and what only begins like one.
func TestAsJWT(t *testing.T) {
	for value, want := range map[string]struct {
		token  string
		isBent bool
	}{
		plainJWT:                                   {anybodys, false},
		percent(plainJWT) + "==":                   {anybodys, false},
		plainJWT[:9] + "!" + plainJWT[9:]:          {anybodys, false},
		"E" + plainJWT[1:]:                         {"E" + anybodys[1:], true},
		"." + plainJWT:                             {"." + plainJWT, true},
		strings.ReplaceAll(plainJWT, ".", ""):      {strings.ReplaceAll(plainJWT, ".", ""), true},
		"eyJhbGciOiJkaXIifQ..a.b.c":                {"eyJhbGciOiJkaXIifQ..a.b.c", false},
		"eyJfdXNlcl9pZCI6IjEifQ.aF3kAA.a8b4c2d9e6": {"eyJfdXNlcl9pZCI6IjEifQ.aF3kAA.AA", false},
		"a+b/c": {"a-b_c", false},
		"...":   {"...", false},
		"ey":    {"ey", false},
	} {
		if token, isBent := AsJWT(value); token != want.token || isBent != want.isBent {
			t.Errorf("%q: %q %v, want %q %v", value, token, isBent, want.token, want.isBent)
		}
	}
}

// TestBearer: a whole header in a cookie.
func TestBearer(t *testing.T) {
	for value, want := range map[string]string{
		"Bearer " + opaqueID: opaqueID, `"bearer ` + opaqueID + `"`: opaqueID, "BEARER%20" + opaqueID: opaqueID, `"Bearer\040` + opaqueID + `"`: opaqueID,
		"Basic " + opaqueID: "", opaqueID: "", "": "", "Bearer": "",
	} {
		if token, ok := Bearer(value); ok != (want != "") || ok && token != want {
			t.Errorf("%q: %q %v, want %q", value, token, ok, want)
		}
	}
}

// FuzzReadings: whatever a client sends, no way to read it makes it longer, and
// what is read stands in no other alphabet than one.
func FuzzReadings(f *testing.F) {
	for _, seed := range []string{plainJWT, `"` + plainJWT + `"`, "eyJ.eyJ.", "%65yJ.e30.x", "...", "%", "%4", `"\`, `"\17`, `"\171"`, `\u00`, `\u0065`, `\u00zz`, "s:eyJ", "a.b.c.d", "a+b/c=", "Bearer x", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, way := range []text{{s: value}, {s: value, quoted: true}, {s: value, raw: true}, lenient(value)} {
			decoded := way.decoded()
			if len(decoded) > len(value) || len(way.base64()) > len(decoded) {
				t.Errorf("%q grows", value)
			}
			if strings.Trim(strings.ToLower(way.base64()), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Errorf("%q is not all base64: %q", value, way.base64())
			}
		}
		for token := range JWTs(value) {
			if strings.Count(token, ".") != 2 {
				t.Errorf("%q is no JWT", token)
			}
		}
		if token, isBent := AsJWT(value); isBent && !beginsObject(token) {
			t.Errorf("%q is bent and begins like none: %q", value, token)
		}
		Bearer(value)
	})
}
