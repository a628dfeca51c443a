package outcome

// worse is the outcome of an app with two directives.
func Worse(a, b Outcome) Outcome {
	for _, o := range []Outcome{Failed, Cleared, Revoked, Ended} {
		if a == o || b == o {
			return o
		}
	}
	return None
}
