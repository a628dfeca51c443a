package sites

import "strings"

// Names are the names under which a configuration serves anything. What is
// served under no name at all is not among them: there, anybody's name is as
// good as another.
type Names map[string]struct{}

// Have reports whether a host is named. A name that is only covered by a * is
// one that its owner gives away: whoever may have it is at least below the same
// domain.
func (n Names) Have(host string) bool {
	_, rest, _ := strings.Cut(host, ".")
	_, exact := n[host]
	_, covered := n["*."+rest]
	return exact || covered
}
