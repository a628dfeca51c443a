package jwks

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClaimsHaveTheirExactNames is GO-01.
func TestClaimsHaveTheirExactNames(t *testing.T) {
	c, err := ParseClaims([]byte(`{"ISS":"a","i\u017fs":"b","i\u017f\u017f":"c","sub":"d", "n" : null }`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Has("iss") || c.String("iss") != "" || c.String("ISS") != "a" || c.String("sub") != "d" || !c.Has("n") || c.Has("N") {
		t.Errorf("%v", c)
	}
	if c, err = ParseClaims([]byte(` {"\u0069ss":"a"} `)); err != nil || c.String("iss") != "a" {
		t.Errorf("escaped: %v %v", c, err)
	}
}

func TestWhatIsNoObjectHasNoClaims(t *testing.T) {
	for _, text := range []string{
		``, ` `, `null`, `1`, `"x"`, `[]`, `{`, `{}{}`, `{} x`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":}`, `{'a':1}`, `{"a":01}`,
		"{\"a\":\"\xff\"}", "{\"\xff\":1,\"\xfe\":2}", `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"a":1,"b":2,"a":null}`, `<html>`,
		"\xef\xbb\xbf{}",
		strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	} {
		if c, err := ParseClaims([]byte(text)); err == nil || c != nil {
			t.Errorf("%.40q: %v", text, c)
		}
	}
	if c, err := ParseClaims([]byte(`{}`)); err != nil || c == nil || c.Has("") {
		t.Errorf("%v %v", c, err)
	}
}

func TestStringsAreStrings(t *testing.T) {
	c, err := ParseClaims([]byte(`{"s":"x","empty":"","n":1,"null":null,"o":{},"e":"\u00e4\"","a":["x","y"],"one":["x"],
		"none":[],"holey":["x",null],"mixed":["x",1],"nested":[["x"]]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"s": "x", "e": "ä\"", "n": "", "null": "", "o": "", "a": "", "absent": ""} {
		if got := c.String(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, want := range map[string][]string{
		"s": {"x"}, "empty": {""}, "a": {"x", "y"}, "one": {"x"}, "none": {},
		"n": nil, "null": nil, "o": nil, "holey": nil, "mixed": nil, "nested": nil, "absent": nil,
	} {
		if got := c.Strings(name); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestTimesAreNumbers is GO-02.
func TestTimesAreNumbers(t *testing.T) {
	for text, want := range map[string]time.Time{
		`0`:            time.Unix(0, 0),
		`-0`:           time.Unix(0, 0),
		`1767323045`:   time.Unix(1767323045, 0),
		`1767323045.5`: time.Unix(1767323045, 5e8),
		`1.767e9`:      time.Unix(1767000000, 0),
		`253402300799`: time.Unix(maxTime, 0),
	} {
		got, ok := Claims{"exp": []byte(text)}.Time("exp")
		if !ok || !got.Equal(want) {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{
		``, `"1767323045"`, `null`, `true`, `[1]`, `{}`, `-1`, `-1e3`, `253402300800`, `1e12`, `1e300`, `1e999`, `NaN`, `Infinity`, `0x10`, `1_0`, `1 2`,
	} {
		if got, ok := (Claims{"exp": []byte(text)}).Time("exp"); ok || !got.IsZero() {
			t.Errorf("%s: %v", text, got)
		}
	}
	if _, ok := (Claims{}).Time("exp"); ok {
		t.Error("absent")
	}
}
