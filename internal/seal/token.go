package seal

import (
	"encoding/json"
	"time"
)

// Token is one kind of sealed values, as JSON. A token of one kind opens as no
// other.
type Token[T any] struct {
	Purpose string // no two kinds have the same

	// Made is when a value was sealed, in Unix seconds. Life is how long after
	// that it is good. Without Made, a token is as old as what it stands in.
	Made func(T) int64
	Life time.Duration
}

// Seal returns "" for what is no JSON. Open refuses a token that is longer than
// 8 KiB.
func (t Token[T]) Seal(keys *Ring, value T) string {
	plain, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return keys.Seal(t.Purpose, plain)
}

// Open returns the value that was sealed, and whether it is still good. What we
// have not sealed is the zero value, and not ok.
func (t Token[T]) Open(keys *Ring, token string, now time.Time) (value T, ok bool) {
	plain, err := keys.Open(t.Purpose, token)
	if err != nil || json.Unmarshal(plain, &value) != nil {
		var none T // value may be read in part
		return none, false
	}
	return value, t.Made == nil || IsRecent(t.Made(value), t.Life, now)
}

// IsRecent reports whether a moment, in Unix seconds, is not longer ago than
// life. Clocks of nodes may differ by a minute.
func IsRecent(moment int64, life time.Duration, now time.Time) bool {
	age := now.Sub(time.Unix(moment, 0))
	return age >= -time.Minute && age <= life
}
