package outcome

// resultName is the outcome of a whole logout, in one of three words.
func Word(out Outcome) string {
	switch out {
	case Failed:
		return "failed"
	case None:
		return "none"
	case Ended, Revoked, Cleared:
	}
	return "ok"
}
