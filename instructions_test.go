//go:build bench

package universallogout

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestInstructions counts the instructions of requests that pass through a
// whole Caddy, with 1,000 sessions revoked. It runs below callgrind only, which
// scripts/instructions.sh starts.
//
// Blocks of all variants alternate, with the same variant twice (A/A): the
// difference says how far the figures can be trusted.
func TestInstructions(t *testing.T) {
	runtime.MemProfileRate = 0 // its samples cost much, at random
	c := counter{t: t, out: os.Getenv("CALLGRIND_OUT")}
	if c.out == "" {
		t.Fatal("run scripts/instructions.sh: only callgrind can count instructions")
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "app") }))
	defer upstream.Close()
	proxy := chainProxy(strings.TrimPrefix(upstream.URL, "http://"))

	const requests, rounds, revocations = 100, 11, 1000
	plain := newChain(t, 0, chainFixed)
	noop := newChain(t, 0, chainNoOp, chainFixed)
	ours := newChain(t, revocations, chainOurs, chainFixed)
	naive := newChain(t, revocations, chainNaive, chainFixed)
	proxied, proxiedOurs := newChain(t, 0, proxy), newChain(t, revocations, chainOurs, proxy)
	each := c.alternate(rounds, requests, passing{noop, false}, passing{ours, false}, passing{naive, false}, passing{noop, false},
		passing{plain, false}, passing{proxied, false}, passing{proxiedOurs, false}, passing{proxied, false}, passing{ours, true})
	base := median(each[0])
	above := func(i int) float64 { return median(each[i]) - base }
	// Below valgrind a processor has no instructions for SHA-256. Most have.
	cookies := ordinaryRequest().Cookies()
	hashing := c.count(func() {
		for range requests {
			for _, c := range cookies {
				sum = sha256.Sum256([]byte(c.Value))
			}
		}
	}) / requests
	t.Logf("a request passes %.0f instructions; above a no-op handler: ours %.0f, of a browser's first request %.0f, naive %.0f, of them %.0f for SHA-256; A/A %.0f",
		base, above(1), above(8), above(2), hashing, above(3))
	percent := func(i int, of float64) float64 { return 100 * above(i) / of }
	t.Logf("T1: %.1f %% of naive, of a browser's first request %.1f %%; if SHA-256 were free %.1f and %.1f %%; A/A %.1f %%",
		percent(1, above(2)), percent(8, above(2)), percent(1, above(2)-hashing), percent(8, above(2)-hashing), percent(3, above(2)))
	if percent(1, above(2)) > maxOfNaive || percent(8, above(2)) > maxOfNaiveFirst {
		t.Errorf("more than %d %% of what the naive way takes, or %d %% of a browser's first request", maxOfNaive, maxOfNaiveFirst)
	}
	// What the proxy does varies by more than what we do. So our part is taken
	// from the chain without it, where it is the same.
	whole := median(each[5])
	ofProxied := func(i int) float64 { return 100 * (above(i) - above(4)) / whole }
	t.Logf("T2: %.2f %% of a proxied request, of a browser's first %.2f %%, of %.0f instructions; a no-op handler %.2f %%; measured there %.2f %%, A/A %.2f %%",
		ofProxied(1), ofProxied(8), whole, ofProxied(0), 100*median(each[6])/whole-100, 100*median(each[7])/whole-100)
	if ofProxied(1) > maxOfProxied {
		t.Errorf("more than %.1f %% of a proxied request", maxOfProxied)
	}
}

const (
	maxOfNaive      = 15  // percent
	maxOfNaiveFirst = 20  // percent, of a request whose cookies were never seen before
	maxOfProxied    = 0.9 // percent; the bar is 0.8, and what is measured differs by some hundredths
)

// counter reads what callgrind has counted between two calls of mark, each of
// which makes it write a file.
type counter struct {
	t     *testing.T
	out   string // the files' names without their numbers
	marks int
}

//go:noinline
func mark() {}

var sum [sha256.Size]byte // so that it is computed

func (c *counter) count(f func()) float64 {
	mark()
	f()
	mark()
	c.marks += 2
	file, err := os.Open(fmt.Sprintf("%s.%d", c.out, c.marks))
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if total, found := strings.CutPrefix(lines.Text(), "summary: "); found {
			n, err := strconv.ParseFloat(total, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return n
		}
	}
	c.t.Fatal("callgrind has counted nothing")
	return 0
}

// passing is a chain, and whether each request comes from a browser of its own.
type passing struct {
	chain    *site
	browsers bool
}

// alternate counts the instructions of one request in blocks of n, for each
// variant in turn.
func (c *counter) alternate(rounds, n int, variants ...passing) [][]float64 {
	counts := make([][]float64, len(variants))
	for round := range rounds + 1 {
		for i, v := range variants {
			requests := ordinaryRequests(n, v.browsers)
			count := c.count(func() { v.chain.pass(requests) }) / float64(n)
			if round > 0 { // the first warms up
				counts[i] = append(counts[i], count)
			}
		}
	}
	return counts
}
