package universallogout

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// One answer has room for some expirations only. What is left goes with
// further answers at the logout's own path, because only there the browser
// shows cookies that are limited to the app's path. Each looks at what is still
// presented: what the lines so far have deleted needs no more of them.

const (
	roundPurpose   = "round"
	roundParameter = "universal-logout"
	digestSize     = 4 // only the browser's own cookies are told apart
)

// leftover are the cookies whose expirations did not fit. Names and values
// stay out of it: what is still presented tells them.
type leftover struct {
	Salt    []byte   `json:"s"`
	Names   int      `json:"n"`
	Cookies []byte   `json:"f"`           // number of the name and digest, for each cookie
	Path    string   `json:"p"`           // of the logout
	Places  []string `json:"q,omitempty"` // other paths that the app's cookies may have
	Next    int      `json:"l"`           // number of the next line, -1 if there is none
	Round   int      `json:"a"`
}

func (rest *leftover) digest(c cookie) string {
	sum := sha256.New()
	sum.Write(rest.Salt)
	fmt.Fprintf(sum, "%d=", len(c.name)) // no two pairs read alike
	sum.Write([]byte(c.name + c.value))
	return string(sum.Sum(nil)[:digestSize])
}

// newLeftover remembers the cookies of a logout.
func (l *logout) newLeftover(next int) *leftover {
	rest := &leftover{Salt: make([]byte, 8), Names: len(l.names), Path: l.path, Places: l.h.places, Next: next, Round: 1}
	rand.Read(rest.Salt)
	for _, c := range l.presented {
		rest.Cookies = append(rest.Cookies, byte(slices.Index(l.names, c.name)))
		rest.Cookies = append(rest.Cookies, rest.digest(c)...)
	}
	return rest
}

// stillPresented are the names behind the digests, "" for those not among the
// cookies of a request, and what else is there.
func (rest *leftover) stillPresented(lines []string) (names []string, others []cookie) {
	names = make([]string, min(max(rest.Names, 0), maxSessionCookies))
	eachCookie(lines, func(name, value string) bool {
		digest := rest.digest(cookie{name, value})
		for entry := range slices.Chunk(rest.Cookies, 1+digestSize) {
			if len(entry) == 1+digestSize && string(entry[1:]) == digest && int(entry[0]) < len(names) {
				names[entry[0]] = name
				return true
			}
		}
		others = append(others, cookie{name, value})
		return true
	})
	return names, others
}

// expire gives the next expirations, and what is left after them.
func (rest *leftover) expire(lines []string, own origin.Origin) (expired []string, after *leftover) {
	names, _ := rest.stillPresented(lines)
	if rest.Next < 0 || !slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		return nil, nil
	}
	expired, next := expirations(names, variantsFor(own, append([]string{rest.Path}, rest.Places...)...), own, rest.Next, expirationBudget, nil)
	if next < 0 || rest.Round >= maxExpirationRounds {
		return expired, nil
	}
	following := *rest
	following.Next, following.Round = next, rest.Round+1
	return expired, &following
}

// round is one more answer of a logout, on the way to its landing page or, if
// the app has answered its script already, to the page that was opened next.
type round struct {
	Host    string    `json:"h"`
	Made    int64     `json:"m"` // Unix seconds
	Browser string    `json:"b"` // value of browserCookie
	Rest    *leftover `json:"r"`
	Landing *landing  `json:"l,omitempty"`
	Page    string    `json:"p,omitempty"`
}

// isLast reports whether no expirations are left.
func (rd round) isLast() bool { return rd.Rest == nil || rd.Rest.Next < 0 }

// withoutLanding ends at the page that the browser opens next.
func (rd round) withoutLanding() round {
	rd.Landing = nil
	return rd
}

// roundURL is the address of a round.
func (a *App) roundURL(rd round) string {
	plain, err := json.Marshal(rd)
	if err != nil { // strings and numbers only
		return a.after(rd)
	}
	return rd.Rest.Path + "?" + roundParameter + "=" + a.shared.keys.Seal(roundPurpose, plain)
}

// after is where the browser goes when nothing is left.
func (a *App) after(rd round) string {
	if rd.Landing != nil {
		return a.doneURL(*rd.Landing)
	}
	return rd.Page
}

// openRound reads the round that a request to a logout path is, if it is one
// and comes from the browser that logged out.
func (a *App) openRound(r *http.Request, own origin.Origin) (rd round, ok bool) {
	raw := clientURL(r).RawQuery
	if r.Method != http.MethodGet || !strings.HasPrefix(raw, roundParameter+"=") {
		return round{}, false
	}
	query, _ := url.ParseQuery(raw) // what is readable of it
	plain, err := a.shared.keys.Open(roundPurpose, query.Get(roundParameter))
	if err != nil || json.Unmarshal(plain, &rd) != nil || rd.Rest == nil {
		return round{}, false
	}
	return rd, rd.Host == own.Host && a.recent(rd.Made, landingLifetime) && isFrom(r, own, rd.Browser)
}

// asksForRound is the cheap question whether r may be a round.
func asksForRound(r *http.Request) bool {
	return strings.HasPrefix(r.URL.RawQuery, roundParameter+"=")
}

// answerRound gives the next expirations. It never reaches the app.
func (a *App) answerRound(w http.ResponseWriter, r *http.Request, own origin.Origin, rd round) error {
	if isSpeculative(r.Header) {
		return answerSpeculative(w)
	}
	lines, left := rd.Rest.expire(r.Header["Cookie"], own)
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	next := a.after(rd)
	if rd.Rest = left; left != nil {
		next = a.roundURL(rd)
	} else if rd.Landing == nil {
		w.Header().Add("Set-Cookie", ownCookie(own, browserCookie, "", 0))
	}
	if left != nil && left.Round%roundsBetweenPages == 0 {
		return answerPage(w, http.StatusOK, goOn(next))
	}
	return answerRedirect(w, next)
}
