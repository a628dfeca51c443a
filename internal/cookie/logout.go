package cookie

// minCredential is the shortest value that nobody can guess.
const MinCredential = 16

func LinesBytes(lines []string) (n int) {
	for _, line := range lines {
		n += len("Set-Cookie: \r\n") + len(line)
	}
	return n
}
