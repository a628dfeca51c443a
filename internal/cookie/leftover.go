package cookie

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

const (
	// maxRounds bounds the answers that one logout spreads its expirations
	// over, and every one of roundsBetweenPages is a page: browsers follow 19
	// redirects.
	maxRounds          = 60
	roundsBetweenPages = 10

	digestSize = 4 // in bytes; only the browser's own cookies are told apart
)

// Leftover are the cookies of a logout whose expirations did not fit into its
// answer. Names and values stay out of it: what is still presented tells them.
type Leftover struct {
	Salt    []byte   `json:"s"`
	Names   int      `json:"n"`
	Cookies []byte   `json:"f"`           // number of the name and digest, for each cookie
	Path    string   `json:"p"`           // of the logout
	Places  []string `json:"q,omitempty"` // other paths that the app's cookies may have
	Next    int      `json:"l"`           // number of the next line, -1 if there is none
	Pass    int      `json:"a"`
}

// NewLeftover remembers the cookies that a logout at path presented. They have
// some of names, at most MaxSessionCookies and those of the config. next is the
// number of the first line that did not fit, as Expirations returns it.
func NewLeftover(names []string, presented []Cookie, path string, places []string, next int) *Leftover {
	rest := &Leftover{Salt: make([]byte, 8), Names: len(names), Path: path, Places: places, Next: next, Pass: 1}
	rand.Read(rest.Salt)
	for _, c := range presented {
		rest.Cookies = append(rest.Cookies, byte(slices.Index(names, c.Name)))
		rest.Cookies = append(rest.Cookies, rest.digest(c)...)
	}
	return rest
}

// Expire gives the next expirations for what the Cookie header lines still
// present, and what is left after them, nil if that is nothing.
func (rest *Leftover) Expire(lines []string, own origin.Origin) (expired []string, after *Leftover) {
	names, _ := rest.stillPresented(lines)
	if rest.Next < 0 || !slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		return nil, nil
	}
	expired, next := Expirations(names, Variants(own, append([]string{rest.Path}, rest.Places...)...), own, rest.Next, ExpirationBudget, nil)
	if next < 0 || rest.Pass >= maxRounds {
		return expired, nil
	}
	following := *rest
	following.Next, following.Pass = next, rest.Pass+1
	return expired, &following
}

// NeedsPage reports whether the way to the next expirations is a page, for the
// browser has been redirected often enough.
func (rest *Leftover) NeedsPage() bool { return rest.Pass%roundsBetweenPages == 0 }

// DigestOthers are the digests of the cookies that were presented together with
// those of the logout, of the first MaxSessionCookies of them.
func (rest *Leftover) DigestOthers(lines []string) (seen []byte) {
	_, others := rest.stillPresented(lines)
	for _, c := range others[:min(len(others), MaxSessionCookies)] {
		seen = append(seen, rest.digest(c)...)
	}
	return seen
}

// Since are the cookies that were not there at the logout, neither among its
// own nor among the others, whose digests are seen.
func (rest *Leftover) Since(lines []string, seen []byte) []Cookie {
	_, others := rest.stillPresented(lines)
	return slices.DeleteFunc(others, func(c Cookie) bool {
		digest := rest.digest(c)
		for known := range slices.Chunk(seen, digestSize) {
			if string(known) == digest {
				return true
			}
		}
		return false
	})
}

// stillPresented are the names behind the digests, "" for those not among the
// cookies of a request, and what else is there.
func (rest *Leftover) stillPresented(lines []string) (names []string, others []Cookie) {
	names = make([]string, min(max(rest.Names, 0), MaxSessionCookies))
	Each(lines, func(name, value string) bool {
		digest := rest.digest(Cookie{name, value})
		for entry := range slices.Chunk(rest.Cookies, 1+digestSize) {
			if len(entry) == 1+digestSize && string(entry[1:]) == digest && int(entry[0]) < len(names) {
				names[entry[0]] = name
				return true
			}
		}
		others = append(others, Cookie{name, value})
		return true
	})
	return names, others
}

// digest tells the cookies of a logout apart, in digestSize bytes.
func (rest *Leftover) digest(c Cookie) string {
	sum := sha256.New()
	sum.Write(rest.Salt)
	fmt.Fprintf(sum, "%d=", len(c.Name)) // no two pairs read alike
	sum.Write([]byte(c.Name + c.Value))
	return string(sum.Sum(nil)[:digestSize])
}
