package cookie

import (
	"strings"
	"testing"
)

// TestLooksLikeCredential: what no list names is a session only if nobody would
// have written it by hand.
func TestLooksLikeCredential(t *testing.T) {
	const hex, token = "d41d8cd98f00b204e9800998ecf8427e", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4"
	for value, want := range map[string]bool{
		hex: true, strings.ToUpper(hex): true, token: true, `"` + token + `"`: true, "a:" + hex + ":b": true,
		"550e8400-e29b-41d4-a716-446655440000":                    true,  // a dash is base64, too
		hex[:31]:                                                  false, // too short for a name that says nothing
		hex[:16] + "." + hex[16:]:                                 false, // and so are its parts
		"12345678901234567890123456789012345":                     false, // a number
		"how-to-write-a-very-long-title-without-any-number-in-it": false,
		"2026-11-20-how-we-moved-the-whole-thing-in-2-days":       false,
		"abcdefghijklmnopqrstuvwxyzabcdefghijkl":                  false, // one letter case
		"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1":                    false, // few characters
		"":                                                        false,
	} {
		if got := looksLikeCredential(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestAnyRun pins what is counted of a run.
func TestAnyRun(t *testing.T) {
	for value, want := range map[string][]Run{
		"":          nil,
		"abc=1234":  {{Length: 4, Distinct: 4, Digits: 4}},
		"aB3d-5eee": {{Length: 9, Distinct: 7, Digits: 2, Lower: 5, Upper: 1, Vowels: 4, Consonants: 1, Changes: 4, DigitChanges: 3}},
		"tRyst;AEIOU+": {
			{Length: 5, Distinct: 4, Lower: 4, Upper: 1, Consonants: 5, Changes: 2},
			{Length: 6, Distinct: 6, Upper: 5, Vowels: 5},
		},
	} {
		var runs []Run
		AnyRun(value, 4, func(run Run) bool {
			runs = append(runs, run)
			return false
		})
		if len(runs) != len(want) {
			t.Errorf("%q has runs %+v", value, runs)
			continue
		}
		for i, run := range runs {
			if run != want[i] {
				t.Errorf("%q has the run\n%+v, want\n%+v", value, run, want[i])
			}
		}
	}
	if n := 0; !AnyRun("first second", 1, func(Run) bool { n++; return true }) || n != 1 {
		t.Errorf("asked %d times after the answer was known", n)
	}
}
