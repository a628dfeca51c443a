package seal

import (
	"encoding/json"
	"reflect"
	"time"
)

// Token is the purpose of one kind of sealed values, which are JSON. A token of
// one kind opens as no other. How long it is good is for the caller to say.
type Token string

// Seal returns "" for what is no JSON. Open refuses a token that is longer than
// 8 KiB.
func (t Token) Seal(keys *Ring, value any) string {
	plain, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return keys.Seal(string(t), plain)
}

// Open reads what was sealed into the value that into points to. What we have
// not sealed leaves the zero value there, and is not ok.
func (t Token) Open(keys *Ring, token string, into any) (ok bool) {
	plain, err := keys.Open(string(t), token)
	if err != nil || json.Unmarshal(plain, into) != nil {
		reflect.ValueOf(into).Elem().SetZero() // it may be read in part
		return false
	}
	return true
}

// IsRecent reports whether a moment, in Unix seconds, is not longer ago than
// life. Clocks of nodes may differ by a minute.
func IsRecent(moment int64, life time.Duration, now time.Time) bool {
	age := now.Sub(time.Unix(moment, 0))
	return age >= -time.Minute && age <= life
}
