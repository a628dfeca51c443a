package revocation

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// model is what the list does, in the plainest words.
type model struct {
	lifetime time.Duration
	refused  map[string]time.Time
	sids     map[string]time.Time
	subs     map[string]modelSubject
	bound    map[string]*modelBinding
}

type modelSubject struct{ notBefore, until time.Time }

type modelBinding struct {
	Session
	until time.Time
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s modelSubject) hits(started, now time.Time) bool {
	if !s.until.After(now) {
		return false
	}
	if !started.IsZero() && started.Nanosecond() == 0 {
		return started.Before(s.notBefore.Truncate(time.Second))
	}
	return started.Before(s.notBefore)
}

func (m *model) hits(s Session, now time.Time) (until time.Time) {
	if s.Sid != "" && m.sids[s.Issuer+" "+s.Sid].After(now) {
		until = m.sids[s.Issuer+" "+s.Sid]
	}
	if sub := m.subs[s.Issuer+" "+s.Sub]; s.Sub != "" && sub.hits(s.Started, now) {
		until = later(until, sub.until)
	}
	return until
}

func (m *model) apply(now time.Time) {
	for value, b := range m.bound {
		if !b.until.After(now) {
			delete(m.bound, value)
		} else if until := m.hits(b.Session, now); !until.IsZero() {
			m.refused[value] = later(m.refused[value], until)
		}
	}
}

func (m *model) bind(value string, s Session, now time.Time) bool {
	b := m.bound[value]
	if b == nil || !b.until.After(now) {
		m.bound[value] = &modelBinding{s, now.Add(m.lifetime)}
		return true
	}
	if b.Issuer != s.Issuer || b.Sub != "" && s.Sub != "" && b.Sub != s.Sub {
		return false
	}
	if b.Sid == "" {
		b.Sid = s.Sid
	}
	if b.Sub == "" {
		b.Sub = s.Sub
	}
	if !s.Started.IsZero() && (b.Started.IsZero() || s.Started.Before(b.Started)) {
		b.Started = s.Started
	}
	return true
}

// TestAgreesWithModel: whatever is revoked and bound in whatever order while
// time passes, the list says what the model says.
func TestAgreesWithModel(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			c := &clock{testStart}
			const lifetime = 1000 * time.Second
			list := openAt(t, c, Options{Lifetime: lifetime})
			m := &model{lifetime, map[string]time.Time{}, map[string]time.Time{}, map[string]modelSubject{}, map[string]*modelBinding{}}
			pick := func(of string, n int) string { return fmt.Sprintf("%s-%d", of, random.IntN(n)) }
			value := func() string { return fmt.Sprintf("credential%08dcredential", random.IntN(40)) }
			session := func() Session {
				s := Session{Issuer: pick("https://issuer", 2)}
				if random.IntN(4) > 0 {
					s.Sid = pick("sid", 10)
				}
				if random.IntN(4) > 0 {
					s.Sub = pick("sub", 5)
				}
				if random.IntN(3) > 0 {
					s.Started = c.now.Add(-time.Duration(random.IntN(5000)) * time.Millisecond)
				} else if random.IntN(2) > 0 {
					s.Started = c.now.Truncate(time.Second)
				}
				return s
			}
			for step := range 600 {
				switch random.IntN(8) {
				case 0:
					v := value()
					f, _ := list.Fingerprint(v)
					var until time.Time
					end := c.now.Add(lifetime)
					if random.IntN(2) > 0 {
						until = c.now.Truncate(time.Second).Add(time.Duration(random.IntN(2000)-100) * time.Second)
						if until.Before(end) {
							end = until
						}
					}
					if err := list.Revoke(t.Context(), list.OfCredential(f, until)); err != nil {
						t.Fatal(err)
					}
					m.refused[v] = later(m.refused[v], end)
				case 1:
					issuer, sid := pick("https://issuer", 2), pick("sid", 10)
					if err := list.Revoke(t.Context(), list.OfSession(issuer, sid)); err != nil {
						t.Fatal(err)
					}
					m.sids[issuer+" "+sid] = c.now.Add(lifetime)
				case 2:
					issuer, sub := pick("https://issuer", 2), pick("sub", 5)
					if err := list.Revoke(t.Context(), list.OfSubject(issuer, sub, c.now)); err != nil {
						t.Fatal(err)
					}
					m.subs[issuer+" "+sub] = modelSubject{c.now, c.now.Add(lifetime)}
				case 3, 4:
					v, s := value(), session()
					f, _ := list.Fingerprint(v)
					if ours, model := list.Bind(f, s), m.bind(v, s, c.now); ours != model {
						t.Fatalf("step %d: Bind(%q, %v) = %v, want %v", step, v, s, ours, model)
					}
				case 5:
					v := value()
					f, _ := list.Fingerprint(v)
					if r, ok := list.OfBound(f); ok {
						if err := list.Revoke(t.Context(), r); err != nil {
							t.Fatal(err)
						}
						b := m.bound[v]
						m.sids[b.Issuer+" "+b.Sid] = c.now.Add(lifetime)
					} else if b := m.bound[v]; b != nil && b.until.After(c.now) && b.Sid != "" {
						t.Fatalf("step %d: %q is not bound", step, v)
					}
				case 6:
					// Expiries are whole seconds.
					c.now = c.now.Add(time.Duration(random.IntN(100)) * time.Second)
					if random.IntN(10) == 0 {
						c.now = c.now.Add(lifetime / 2)
					}
				case 7:
					list.sweep(t.Context(), 0)
				}
				m.apply(c.now)
				for i := range 40 {
					v := fmt.Sprintf("credential%08dcredential", i)
					f, _ := list.Fingerprint(v)
					if got, want := list.Refuses(v), m.refused[v].After(c.now); got != want || got != list.RefusesFingerprint(f) || got != list.RefusesAny([]string{"sid=" + v}) {
						t.Fatalf("step %d: Refuses(%q) = %v, want %v", step, v, got, want)
					}
					b := m.bound[v]
					if got, want := list.IsBound(f), b != nil && b.until.After(c.now); got != want {
						t.Fatalf("step %d: IsBound(%q) = %v, want %v", step, v, got, want)
					}
				}
				s := session()
				if got, want := list.RefusesSession(s), !m.hits(s, c.now).IsZero(); got != want {
					t.Fatalf("step %d: RefusesSession(%v) = %v, want %v", step, s, got, want)
				}
			}
		})
	}
}
