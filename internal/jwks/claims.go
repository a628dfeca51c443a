package jwks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// maxTime is the last second of the year 9999: RFC 3339 knows none after it.
const maxTime = 253402300799

// Claims are a JSON object's members by their exact names: encoding/json's
// matching of struct fields ignores case and even takes U+017F for an s
// (GO-01), so that "I\u017f\u017f" would be an issuer.
type Claims map[string]json.RawMessage

// ParseClaims reads a JSON object. A name that is there twice is an error: who
// reads the first and who reads the last would see different claims.
func ParseClaims(payload []byte) (Claims, error) {
	// The decoder below puts up with some JSON that is none, and takes bytes
	// that are no UTF-8 for U+FFFD, all of them for the same.
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	claims := Claims{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
		if claims.Has(name.(string)) {
			return nil, errors.New("a member is there twice")
		}
		claims[name.(string)] = value
	}
	return claims, nil
}

// Has reports whether there is such a claim, be it null.
func (c Claims) Has(name string) bool {
	_, ok := c[name]
	return ok
}

// String returns a claim that is a string, "" if it is absent or none.
func (c Claims) String(name string) string {
	s, _ := asString(c[name])
	return s
}

// Strings returns a claim that is a string or an array of strings, as aud is
// (RFC 7519 4.1.3), nil if it is absent or anything else is in it.
func (c Claims) Strings(name string) []string {
	if s, ok := asString(c[name]); ok {
		return []string{s}
	}
	// Into a []string, null would become "".
	var values []json.RawMessage
	if json.Unmarshal(c[name], &values) != nil || values == nil {
		return nil
	}
	all := make([]string, len(values))
	for i, value := range values {
		s, ok := asString(value)
		if !ok {
			return nil
		}
		all[i] = s
	}
	return all
}

func asString(value json.RawMessage) (s string, ok bool) {
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// Time returns a claim that is a NumericDate (RFC 7519 2): seconds, with a
// fraction if need be. Strings that look like a number are none (GO-02).
func (c Claims) Time(name string) (t time.Time, ok bool) {
	value := c[name]
	if string(value) == "null" { // that would become 0
		return time.Time{}, false
	}
	var seconds float64
	if json.Unmarshal(value, &seconds) != nil || seconds < 0 || seconds > maxTime {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
