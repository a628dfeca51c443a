package identify

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSubjects: what is no name of a user binds nothing.
func TestSubjects(t *testing.T) {
	for sub, ok := range map[string]bool{
		"ana": true, "Änne Müller": true, "ana@example.com": true, "uid=ana,dc=example": true, strings.Repeat("x", 255): true, "🦊": true,
		"": false, strings.Repeat("x", 256): false, "a\x00b": false, "a\nb": false, "a\tb": false, "a\x7fb": false, "\xff": false, "a\u202eb": false, "a\u2028b": false,
	} {
		if isSubject(sub) != ok {
			t.Errorf("%q: %t", sub, !ok)
		}
	}
}

// TestBudgetIsBounded: also by the number of users.
func TestBudgetIsBounded(t *testing.T) {
	var bb bindingBudget
	for n := range 3 * maxBudgets {
		if !bb.take(fmt.Sprint(n), time.Unix(1_700_000_000, 0)) || len(bb.taken) > maxBudgets {
			t.Fatalf("user %d: %d budgets", n, len(bb.taken))
		}
	}
}
