package cookie

import (
	"net/http"
	"strings"
	"time"
)

// Set is what matters of a Set-Cookie line of an app. Domain is in small letters
// and has no dot in front; Path is as it stands there.
type Set struct {
	Name, Value  string
	Domain, Path string
	Partitioned  bool
	Expired      bool
}

// ParseSet reads a line as browsers do (RFC 6265bis 5.6). One without
// an equals sign has a value only. Expired: it deletes a cookie, by the clock now.
func ParseSet(line string, now time.Time) Set {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return Set{Value: strings.Trim(pair, " \t")}
	}
	sc := Set{Name: strings.Trim(name, " \t"), Value: strings.Trim(value, " \t")}
	maxAge, expires := "", ""
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, val, _ := strings.Cut(attribute, "=")
		val = strings.Trim(val, " \t")
		switch strings.ToLower(strings.Trim(key, " \t")) {
		case "max-age":
			maxAge = val // the last one wins
		case "expires":
			expires = val
		case "domain":
			sc.Domain = strings.ToLower(strings.TrimPrefix(val, "."))
		case "path":
			sc.Path = val
		case "partitioned":
			sc.Partitioned = true
		}
	}
	switch {
	case isNumber(maxAge):
		sc.Expired = strings.HasPrefix(maxAge, "-") || strings.Trim(maxAge, "0") == ""
	case expires != "":
		// Two-digit years and dashes are what old frameworks write.
		for _, layout := range []string{http.TimeFormat, "Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 MST"} {
			if t, err := time.Parse(layout, expires); err == nil {
				sc.Expired = t.Before(now)
				break
			}
		}
	}
	return sc
}

func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}
