package identify

import (
	"fmt"
	"testing"
	"time"
)

// TestBudgetIsOfOneUserAndDay: others have their own, and tomorrow it is new.
func TestBudgetIsOfOneUserAndDay(t *testing.T) {
	var bb bindingBudget
	today := time.Date(2026, 1, 2, 23, 59, 59, 0, time.UTC)
	for n := range maxBindingsPerDay + 2 {
		if got := bb.take("ana", today); got != (n < maxBindingsPerDay) {
			t.Fatalf("binding %d: %t", n, got)
		}
	}
	if !bb.take("ben", today) || !bb.take("ana", today.Add(time.Second)) || bb.taken == nil {
		t.Error("others, or tomorrow, have none left")
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
