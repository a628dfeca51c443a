package outcome

import "testing"

// TestWorse: the order from bad to good, whichever comes first.
func TestWorse(t *testing.T) {
	order := []Outcome{Failed, Cleared, Revoked, Ended, None}
	for i, worse := range order {
		for _, better := range order[i:] {
			if Worse(worse, better) != worse || Worse(better, worse) != worse {
				t.Errorf("%s and %s are %s and %s", worse, better, Worse(worse, better), Worse(better, worse))
			}
		}
	}
}

func TestWord(t *testing.T) {
	for out, want := range map[Outcome]string{Ended: "ok", Revoked: "ok", Cleared: "ok", None: "none", Failed: "failed"} {
		if got := Summary(out); got != want {
			t.Errorf("%s: %s, want %s", out, got, want)
		}
	}
}
