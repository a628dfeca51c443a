package returnurl

import "testing"

// TestReturnPatterns: entries of the config that nobody can mean.
func TestReturnPatterns(t *testing.T) {
	for _, entry := range []string{
		"", "www.example.com", "*", "https://", "https://*", "https://*.com", "https://*.co.uk", "https://*.github.io", "https://www.*.com",
		"https://w*.example.com", "http://www.example.com", "ftp://www.example.com", "https://www.example.com/a*", "https://www.example.com/*/b",
		"https://www.example.com/a b", "https://www.example.com/a%2fb", "https://www.example.com/../c", "https://bücher.example", "https://www.example.com?x", "https://www.example.com#x", "https://user@www.example.com", "https://www.example.com:99999", "https://0x7f.1",
	} {
		if p, err := ParsePattern(entry); err == nil {
			t.Errorf("%q is taken for %+v", entry, p)
		}
	}
}
