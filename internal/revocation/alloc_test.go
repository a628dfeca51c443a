package revocation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// fill revokes n credentials that nobody presents.
func fill(t testing.TB, list *List, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	const batch = 1000
	records := make([]journal.Record, 0, batch)
	until := seconds(list.now().Add(time.Hour))
	for range n {
		e := entry{kind: ofCredential, until: until, fingerprint: newFingerprint(random.Uint64(), random.Uint64(), random.Uint32())}
		if records = append(records, e.encode()); len(records) == batch {
			list.merge(records)
			records = records[:0]
		}
	}
	list.merge(records)
}

const jwtHead = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ."

// jwtOf has about so many bytes.
func jwtOf(bytes int, random *rand.Rand) string {
	return jwtHead + base64Of(bytes-len(jwtHead)-343, random) + "." + base64Of(342, random)
}

func base64Of(n int, random *rand.Rand) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(64)]
	}
	return string(b)
}

// cookieLines as requests have them. The first five are about 200 bytes, one
// of them an opaque session.
func cookieLines() map[string][]string {
	random := rand.New(rand.NewPCG(1, 2))
	five := "theme=dark; lang=en-US; tz=Europe/Berlin; _ga=GA1.2.1234567890.1234567890; sessionid=" + base64Of(110, random)
	opaque := "theme=dark; lang=en-US; _ga=GA1.2.1234567890.1234567890; csrftoken=8f14e45fceea167a5a36dedd4bea25438f14e45fceea167a5a36dedd4bea2543; sessionid=" + base64Of(43, random)
	var twenty, thousand, sessions, chunks []string
	for i := range 20 {
		twenty = append(twenty, fmt.Sprintf("cookie_%02d=%s", i, base64Of(20+3*i, random)))
	}
	name := func(i int) string { return string([]byte{byte('a' + i/676), byte('a' + i/26%26), byte('a' + i%26)}) }
	for i := range 1000 {
		thousand = append(thousand, name(i)+"="+base64Of(10, random))
		if i < 700 {
			sessions = append(sessions, name(i)+"="+base64Of(17, random))
			chunks = append(chunks, fmt.Sprintf("c%d=%s", i, base64Of(17, random)))
		}
	}
	return map[string][]string{
		"700 sessions":  {strings.Join(sessions, "; ")},
		"700 chunks":    {strings.Join(chunks, "; ")},
		"no cookies":    nil,
		"5 cookies":     {five},
		"5, 2 opaque":   {opaque},
		"20 cookies":    {strings.Join(twenty, "; ")},
		"1000 cookies":  {strings.Join(thousand, "; ")},
		"JWT of 1 KB":   {"token=" + jwtOf(1024, random)},
		"value of 16KB": {"v=" + base64Of(16<<10, random)},
		"bad cookies":   {`a="` + octal(opaqueID) + `; b="` + opaqueID + `x, c=%41%4g%; ;;;=; d=e.` + strings.Repeat("%2e.", 50), "t=e" + strings.Repeat("%2e", 4) + opaqueID, "\x00\xff"},
	}
}

// TestRequestsAllocateNothing: T3.
func TestRequestsAllocateNothing(t *testing.T) {
	for _, n := range []int{0, 200_000} {
		list := open(t)
		fill(t, list, n)
		for name, lines := range cookieLines() {
			t.Run(fmt.Sprint(n, " revoked, ", name), func(t *testing.T) {
				if allocs := testing.AllocsPerRun(100, func() {
					if list.RefusesAny(lines) {
						t.Error("refused")
					}
				}); allocs != 0 {
					t.Errorf("%v allocations", allocs)
				}
			})
		}
	}
	list := open(t)
	values := []string{opaqueID, jwtOf(4096, rand.New(rand.NewPCG(1, 2))), python, percent(opaqueID)}
	revoke(t, list, values...)
	for _, value := range values {
		lines := []string{"a=" + value}
		f, _ := list.Fingerprint(value)
		if allocs := testing.AllocsPerRun(100, func() {
			if !list.RefusesAny(lines) || !list.Refuses(value) || list.IsBound(f) {
				t.Error("not refused")
			}
			if _, ok := list.Fingerprint(value); !ok {
				t.Error("no fingerprint")
			}
		}); allocs != 0 {
			t.Errorf("%v allocations for %.50q", allocs, value)
		}
	}
}
