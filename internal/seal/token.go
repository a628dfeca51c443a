package seal

import (
	"encoding/json"
	"time"
)

// Token is one kind of sealed value, as JSON. A token of one kind is none of
// another.
type Token[T any] struct {
	Purpose string

	// Made is when a value was sealed, in Unix seconds; it is worth something for
	// Life after that. Without Made a token is as old as what it stands in.
	Made func(T) int64
	Life time.Duration
}

// Seal returns "" for what is no JSON.
func (t Token[T]) Seal(keys *Ring, value T) string {
	plain, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return keys.Seal(t.Purpose, plain)
}

// Open returns what was sealed, or the zero value if that was not by us. ok is
// false for the zero value and for what is too old.
func (t Token[T]) Open(keys *Ring, token string, now time.Time) (value T, ok bool) {
	plain, err := keys.Open(t.Purpose, token)
	if err != nil || json.Unmarshal(plain, &value) != nil {
		var none T
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
