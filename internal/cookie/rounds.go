package cookie

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

const DigestSize = 4 // only the browser's own cookies are told apart

// leftover are the cookies whose expirations did not fit. Names and values
// stay out of it: what is still presented tells them.
type Leftover struct {
	Salt    []byte   `json:"s"`
	Names   int      `json:"n"`
	Cookies []byte   `json:"f"`           // number of the name and digest, for each cookie
	Path    string   `json:"p"`           // of the logout
	Places  []string `json:"q,omitempty"` // other paths that the app's cookies may have
	Next    int      `json:"l"`           // number of the next line, -1 if there is none
	Round   int      `json:"a"`
}

func (rest *Leftover) Digest(c Cookie) string {
	sum := sha256.New()
	sum.Write(rest.Salt)
	fmt.Fprintf(sum, "%d=", len(c.Name)) // no two pairs read alike
	sum.Write([]byte(c.Name + c.Value))
	return string(sum.Sum(nil)[:DigestSize])
}

// stillPresented are the names behind the digests, "" for those not among the
// cookies of a request, and what else is there.
func (rest *Leftover) StillPresented(lines []string) (names []string, others []Cookie) {
	names = make([]string, min(max(rest.Names, 0), MaxSessionCookies))
	Each(lines, func(name, value string) bool {
		digest := rest.Digest(Cookie{name, value})
		for entry := range slices.Chunk(rest.Cookies, 1+DigestSize) {
			if len(entry) == 1+DigestSize && string(entry[1:]) == digest && int(entry[0]) < len(names) {
				names[entry[0]] = name
				return true
			}
		}
		others = append(others, Cookie{name, value})
		return true
	})
	return names, others
}

// expire gives the next expirations, and what is left after them.
func (rest *Leftover) Expire(lines []string, own origin.Origin) (expired []string, after *Leftover) {
	names, _ := rest.StillPresented(lines)
	if rest.Next < 0 || !slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		return nil, nil
	}
	expired, next := Expirations(names, Variants(own, append([]string{rest.Path}, rest.Places...)...), own, rest.Next, ExpirationBudget, nil)
	if next < 0 || rest.Round >= maxExpirationRounds {
		return expired, nil
	}
	following := *rest
	following.Next, following.Round = next, rest.Round+1
	return expired, &following
}
