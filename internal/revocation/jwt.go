package revocation

import (
	"encoding/base64"
	"encoding/json"
	"iter"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// anySignature stands for the signature of a JWT, whose own has spellings that
// are no base64url and that apps take all the same. The rest has one only, for
// it is what was signed.
const anySignature = ".AA"

// JWTs are what may be JWTs in a value that a client sent, each with a
// signature of nobody: their claims can be read, and nothing be verified.
func JWTs(value string) iter.Seq[string] {
	return func(yield func(token string) bool) {
		for piece := range strings.FieldsFuncSeq(lenient(value).decoded(), isAround) {
			head, rest, _ := strings.Cut(piece, ".")
			payload, _, isSigned := strings.Cut(rest, ".")
			if isSigned && !yield(head+"."+payload+anySignature) {
				return
			}
		}
	}
}

// isAround tells what apps take off a token: quotes, s: and Bearer before it,
// and other cookies where a parser is so old that commas separate them.
func isAround(c rune) bool { return strings.ContainsRune("\":;, \t=", c) }

// AsJWT is a value as the most lenient app reads it that takes JWTs, with a
// signature of nobody. A bent one begins like a JWT and is none as it stands,
// though it may be one in a spelling that counts as the same: with other
// capitals, say. Nobody says then whose it is.
func AsJWT(value string) (token string, isBent bool) {
	token = lenient(value).base64()
	isBent = beginsObject(token) && isBentObject(token)
	if strings.Count(token, ".") == 2 {
		token = token[:strings.LastIndexByte(token, '.')] + anySignature
	}
	return token, isBent
}

// beginsObject reports whether letters begin as an object of JSON does in
// base64, in whatever capitals.
func beginsObject(plain string) bool {
	const begin = "eyj"
	n := 0
	for i := 0; i < len(plain) && n < len(begin); i++ {
		switch class := classes[plain[i]]; {
		case class <= '.':
		case class != begin[n]:
			return false
		default:
			n++
		}
	}
	return n == len(begin)
}

func isBentObject(plain string) bool {
	parts := strings.Split(plain, ".")
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || !json.Valid(head) {
		return true
	}
	if claims, err := jwks.ParseClaims(head); err != nil || !claims.Has("alg") {
		return false // another kind of signed text
	}
	switch len(parts) {
	case 3:
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		return err != nil || !json.Valid(payload)
	case 5: // encrypted: it is nobody's guess
		return false
	}
	return true
}
