package revocation

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// BenchmarkOpen measures how long a node takes from its start until it refuses
// a million credentials, of which it knows alone or which are shared.
func BenchmarkOpen(b *testing.B) {
	for name, storage := range map[string]certmagic.Storage{"alone": nil, "shared": &certmagic.FileStorage{Path: b.TempDir()}} {
		b.Run(name, func(b *testing.B) {
			o := Options{Dir: b.TempDir(), Storage: storage}
			list := openAt(b, &clock{testStart}, o)
			random := rand.New(rand.NewPCG(3, 4))
			for range 1000 {
				revocations := make([]Revocation, 1000)
				for i := range revocations {
					revocations[i] = list.OfCredential(newFingerprint(random.Uint64(), random.Uint64(), random.Uint32()), time.Time{})
				}
				if err := list.Revoke(b.Context(), revocations...); err != nil {
					b.Fatal(err)
				}
			}
			if err := list.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				list := openAt(b, &clock{testStart}, o)
				if got := list.Stats().Credentials; got != 1_000_000 {
					b.Fatalf("%d of a million", got)
				}
				b.StopTimer()
				if err := list.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
