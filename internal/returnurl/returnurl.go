package returnurl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Names under which requests say where to go after the logout: ours and
// OpenID's, oauth2-proxy's and Authelia's, Keycloak's old one, and the word of the Caddyfile.
var returnParameters = []string{"post_logout_redirect_uri", "rd", "redirect_uri", "return_to"}

var errReturnURL = errors.New("the return URL leads elsewhere or has characters that no address needs")

// returnPattern is one entry of allowed_return_urls.
type Pattern struct {
	Origin   origin.Origin
	Wildcard bool   // the leftmost label may be any one
	Path     string // "": any; ending in /*: everything below; else exactly this
}

// parseReturnPattern reads https://[*.]host[:port][/path[/*]].
func ParsePattern(entry string) (Pattern, error) {
	fail := func(why string) (Pattern, error) {
		return Pattern{}, fmt.Errorf("%q: %s; write an origin like https://www.example.com, with a path or /* after it if only some addresses are meant", entry, why)
	}
	scheme, rest, found := strings.Cut(entry, "://")
	scheme = strings.ToLower(scheme)
	if !found || (scheme != "https" && scheme != "http") {
		return fail("it must begin with https://")
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if folder := strings.TrimSuffix(path, "/*"); folder != "" && (!origin.IsPlainPath(folder) || origin.HasSpaceOrControl(folder)) {
		return fail("its path is none that every browser reads alike")
	}
	if strings.ContainsAny(path, "?#") || strings.Contains(strings.TrimSuffix(path, "/*"), "*") {
		return fail("a path ends where ? or # begins, and * may only stand as its last segment")
	}
	name, wildcard := strings.CutPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return fail("* stands for the whole leftmost label of the host")
	}
	u, err := whatwg.Parse(scheme + "://" + name + "/")
	if err == nil && !origin.IsASCII(name) {
		return fail("in addresses its host is spelled " + u.Host())
	}
	if err != nil || u.Host() != strings.ToLower(name) && u.Host() != strings.TrimSuffix(strings.ToLower(name), ":"+origin.DefaultPort(scheme)) {
		return fail("browsers read its host differently")
	}
	p := Pattern{Origin: origin.New(scheme, u.Host()), Wildcard: wildcard, Path: path}
	if path == "/" {
		p.Path = "" // https://www.example.com/ is how people write an origin
	}
	if wildcard && !origin.CanOwnNamesBelow(p.Origin.Hostname()) {
		return fail("everybody can have a name below it")
	}
	if scheme == "http" && !p.Origin.Trustworthy() {
		return fail("plain http is for loopback hosts only")
	}
	return p, nil
}

func (p Pattern) matches(o origin.Origin, path string) bool {
	if p.Wildcard {
		label, rest, found := strings.Cut(o.Host, ".")
		if !found || label == "" {
			return false
		}
		o.Host = rest
	}
	if o != p.Origin {
		return false
	}
	below, isPrefix := strings.CutSuffix(p.Path, "*")
	switch {
	case p.Path == "":
		return true
	case isPrefix:
		return strings.HasPrefix(path, below)
	}
	return path == p.Path
}

// returnTarget is the address to emit for a return URL that a request or an
// app's answer supplied, or an error: it may lead to our own origin or to an
// allowed one, for every parser there is. What is emitted is rebuilt from what
// a browser's parser understood, never the input (URL-09); for our own origin
// it is a path, so that a forged Host header leads nowhere.
func Target(raw string, own origin.Origin, allowed []Pattern) (string, error) {
	if !origin.IsPlainURL(raw) {
		return "", errReturnURL
	}
	u, err := whatwg.ParseRef(own.String()+"/", raw)
	if err != nil {
		return "", errReturnURL
	}
	target := origin.New(u.Scheme(), u.Host())
	local := u.Pathname() + u.Search() + u.Hash()
	switch {
	case target == (origin.Origin{}) || u.Username() != "" || u.Password() != "":
		return "", errReturnURL
	case target == own:
		raw = local
	default:
		if !AllowedReturn(target, u.Pathname(), allowed) {
			return "", errReturnURL
		}
		raw = target.String() + local
	}
	// Read back what the browser will read: it must lead to the same place.
	again, err := whatwg.ParseRef(own.String()+"/", raw)
	if err != nil || origin.New(again.Scheme(), again.Host()) != target || again.Pathname() != u.Pathname() {
		return "", errReturnURL
	}
	return raw, nil
}

func AllowedReturn(o origin.Origin, path string, allowed []Pattern) bool {
	for _, p := range allowed {
		if p.matches(o, path) {
			return true
		}
	}
	return false
}

// requestedReturns are the return URLs a request carries, in the order of
// returnParameters, the query before the body.
func Requested(r *http.Request, body []byte) (urls []string) {
	query, _ := url.ParseQuery(r.URL.RawQuery) // what is readable of it
	form := BodyValues(r.Header.Get("Content-Type"), body)
	for _, name := range returnParameters {
		for _, values := range [...]url.Values{query, form} {
			if v := values.Get(name); v != "" {
				urls = append(urls, v)
			}
		}
	}
	return urls
}

// bodyValues reads the text fields of a form or of a JSON object. A body that
// is neither, or broken, has none: it is the app's business.
func BodyValues(contentType string, body []byte) url.Values {
	values := make(url.Values)
	if len(body) == 0 {
		return values
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return values
	}
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		values, _ = url.ParseQuery(string(body))
	case mediaType == "multipart/form-data":
		parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for { // ends with the body, of which there is no more than 64 KiB
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			if text, err := io.ReadAll(part); err == nil && part.FileName() == "" {
				values.Add(part.FormName(), string(text))
			}
		}
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		var object map[string]any
		if json.Unmarshal(body, &object) == nil {
			for _, name := range returnParameters {
				if text, ok := object[name].(string); ok {
					values.Set(name, text)
				}
			}
		}
	}
	return values
}
