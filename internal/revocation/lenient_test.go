package revocation

import (
	"strings"
	"testing"
)

// TestSpellingsOfLenientDecoders: what Python, Node and Jetty make of a value
// is not always what it says.
func TestSpellingsOfLenientDecoders(t *testing.T) {
	const (
		flask  = ".eJwlzjEOwzAIAMC_MHfAYAzkMxE2ZgpVdVQ.aF3kAA.a-b_c-d41VYmFyYmF6cXV4MTIzN"
		fernet = "gAAAAABlZm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyZm9vYmFyYmF6cXV4MTIzNDU2Nw=="
	)
	encrypted := "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.." + opaqueID + "." + opaqueID + opaqueID + "." + urlSafe[:22]
	tests := []spelling{
		{"Python drops a % that is no encoding", flask, "s=" + strings.Replace(flask, "41", "%41", 1)},
		{"... in the first bytes", fernet, "s=" + strings.Replace(fernet, "AABl", "%AABl", 1)},
		{"... in quotes", flask, `s="` + strings.Replace(flask, "41", `%4\061`, 1) + `"`},
		{"Python ignores what follows the padding", fernet, "s=" + fernet + "abcd"},
		{"... of a signature", flask, "s=" + flask + "=abcd"},
		{"... in quotes", fernet, `s="` + fernet + `abcd"`},
		{"... in percent", fernet, "s=" + strings.ReplaceAll(fernet, "=", "%3D") + "abcd"},
		{"... with padding in the middle", fernet, "s=" + fernet[:20] + "=" + fernet[20:] + "ab=cd"},
		{"... of an encrypted JWT", encrypted, "s=" + encrypted + "==abcd"},
		{"Express reads j: as JSON", opaqueID, `s=j:"` + opaqueID + `"`},
		{"... in percent", opaqueID, `s=j%3A%22` + opaqueID + `%22`},
		{"... in percent all over", opaqueID, `s=` + percent(`j:"`+opaqueID+`"`)},
		{"... with escapes", opaqueID, `s=j:"\u005a` + opaqueID[1:] + `"`},
		{"... with spaces", opaqueID, `s=j:  "` + opaqueID + `"`},
		{"... of a signed id", "s%3A" + opaqueID + "." + urlSafe, `s=j:"s:` + opaqueID + "." + urlSafe + `"`},
		{"a semicolon in quotes", fernet, `s="` + fernet[:20] + ";" + fernet[20:] + `"`},
		{"a comma in quotes", fernet, `s="` + fernet[:20] + "," + fernet[20:] + `"; a=b`},
		{"a space in quotes, behind a space", fernet, `a=b s="` + fernet[:20] + " " + fernet[20:] + `"`},
		{"semicolons in quotes, escapes", fernet, `s = "` + fernet[:8] + ";" + octal(fernet[8:12]) + `;\"` + fernet[12:] + `"; a=b`},
		{"what is refused in what is refused", opaqueID, `a="` + opaqueID[:9] + ";b=" + opaqueID + ";" + opaqueID[9:] + `"`},
		{"... in pieces", opaqueID, `a="` + opaqueID[:9] + ";b.0=" + opaqueID[:20] + ";b.1=" + opaqueID[20:] + ";" + opaqueID[9:] + `"`},
		{"behind the quotes", opaqueID, `s="` + opaqueID + `"abcd`},
	}
	wantRefused(t, tests)
}
