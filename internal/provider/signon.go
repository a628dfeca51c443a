package provider

import (
	"crypto/sha256"
	"encoding/base64"
)

func ChallengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// questionOf is enough of a challenge to tell it from all others.
func QuestionOf(challenge string) string { return challenge[:min(len(challenge), 22)] }
