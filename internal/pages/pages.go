package pages

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

//go:embed *.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "*.html"))

// page is what the templates show. All of it may come from outside:
// html/template escapes it.
type Page struct {
	Kind      string // landing, progress, confirmation, everywhere, error
	Mood      mood   // what the page looks like
	Title     string
	Text      string
	Nonce     string
	Next      string // where a landing page goes on to by itself
	Link      string // where it offers to go
	LinkText  string
	Self      string // its own address, once it has one
	EvictFrom string // fetched to throw pages out of the back/forward cache
	OnTour    bool   // through several sites
	Forget    bool   // unregister the site's service workers
	Returns   bool   // the browser comes back to this site
	Form      *Form

	Left      []AppLine // where the user may still be signed in
	Apps      []AppLine // the other apps: those that ended, or are about to
	AppsTitle string    // above them
	AppsCount string    // instead, if they are many
	Steps     int       // of a tour, 0 if the page is of none
	Done      int       // of these

	Asks  []Ask      // the parts of a tour that the page's script asks for
	Token string     // for them, if no form has it
	Over  string     // where the hub hears that the tour is over
	Plain string     // where the page goes on without script
	Note  string     // about the apps that are not listed
	Also  []Link     // apps elsewhere
	Calls []string   // addresses of such that are asked
	Stops []NextStop // where the page may go on, the first that can be reached

	Provider         string // what became of the single sign-on
	ProviderLink     string // where it can be ended
	ProviderLinkText string
}

// mood is what a page looks like, so that one look tells good news from bad.
type mood string

const (
	moodGood mood = "good" // signed out
	MoodBad  mood = "bad"  // not, or not everywhere
	MoodBusy mood = "busy" // goes on by itself
	moodAsk  mood = "ask"
	moodNote mood = "note" // nothing happens here
)

// appLine is one app, on our pages.
type AppLine struct {
	Name string
	Text string
	Link string
}

// ask is the part of one app in a tour.
type Ask struct{ URL, Name string }

type Link struct{ Name, URL string }

// nextStop is a site where a tour may go on.
type NextStop struct {
	Number int
	Origin origin.Origin
	Hop    string // where the form goes
	Site   string // what answers if anybody is there
}

// about names the host in the page's text, which may be from outside itself.
func (p Page) About(host string) Page {
	p.Text = strings.Replace(p.Text, "%s", host, 1)
	return p
}

// says gives the page the words and looks of another.
func (p Page) Says(text Page) Page {
	p.Mood, p.Title, p.Text = text.Mood, text.Title, text.Text
	return p
}

// form repeats a request that nobody knows the user meant.
type Form struct {
	Method   string
	Action   string
	Fields   [][2]string
	Button   string
	ByItself bool // sent by script, if there is one

	Origin string // where it goes, in a tour: another site
	Kept   bool   // its token is in the browser's history, if anywhere
}

// answerHeaders are on every answer of ours (PG-01 to PG-07).
func Headers(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, Origin, Referer, Accept, Cookie")
}

// answerPage writes a page with its own Content-Security-Policy.
func Write(w http.ResponseWriter, status int, p Page) error {
	p.Nonce = rand.Text()
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, "page.html", p); err != nil {
		return err
	}
	h := w.Header()
	Headers(h)
	h.Set("Content-Security-Policy", p.policy())
	h.Set("Referrer-Policy", p.Referrer())
	if p.OnTour {
		// BR-12: WebKit gives each page with it a process of its own, which
		// takes 0.2 s, and its Back button loses the tab between them.
		h.Del("Cross-Origin-Opener-Policy")
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	return IgnoreGone(err)
}

// What the page says of the parts of a tour, and above lists of apps.
func (Page) TextAsking() string { return textAsking }

func (Page) TextAsked() string { return textAsked }

func (Page) TextNoAnswer() string { return textNoAnswer }

func (p Page) AppsFold() string { return fmt.Sprintf(p.AppsCount, len(p.Apps)) }

func (Page) LeftTitle() string { return textLeft }

func (Page) AlsoTitle() string { return textAlso }

func (p Page) OfSteps() string { return fmt.Sprintf(textOfSteps, p.Steps) }

// maxShownApps is how many apps without a problem a page lists in the open.
const MaxShownApps = 12

// Folds reports whether the list of these apps is opened by a click.
func (p Page) Folds() bool { return len(p.Apps) > MaxShownApps }

// Referrer is the page's Referrer-Policy. no-referrer would make the Origin of a
// form null (BR-07), and null is nobody we log out for.
func (p Page) Referrer() string {
	switch {
	case p.Form != nil && p.Form.Origin != "":
		return "strict-origin" // the next site must see where the form was
	case p.Form != nil:
		return "same-origin"
	}
	return "no-referrer"
}

// policy is the page's Content-Security-Policy.
func (p Page) policy() string {
	nonce := "'nonce-" + p.Nonce + "'"
	forms := []string{"'none'"}
	switch {
	case p.Form != nil && p.Form.Origin != "":
		forms[0] = p.Form.Origin
		for _, s := range p.Stops {
			forms = cookie.Union(forms, []string{s.Origin.String()})
		}
	case p.Form != nil:
		forms[0] = "'self'"
	}
	policy := "default-src 'none'; style-src " + nonce + "; script-src " + nonce + "; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(forms, " ")
	if connect := p.connects(); connect != "" {
		policy += "; connect-src " + connect
	}
	return policy
}

// maxConnects is how many bytes of origins stand in the policy. Many proxies in
// front of us buffer 4 KB of header; beyond, registrable domains do.
const maxConnects = 1200

// connects are the sources that the page's script may fetch from.
func (p Page) connects() string {
	var sources []string
	add := func(source string) { sources = cookie.Union(sources, []string{source}) }
	if p.EvictFrom != "" {
		add("'self'")
	}
	addresses := append([]string{}, p.Calls...)
	if p.Over != "" {
		addresses = append(addresses, p.Over)
	}
	for _, a := range p.Asks {
		addresses = append(addresses, a.URL)
	}
	for _, s := range p.Stops {
		addresses = append(addresses, s.Site)
	}
	for _, address := range addresses {
		add(origin.Parse(address).String())
	}
	exact := strings.Join(sources, " ")
	if len(exact) <= maxConnects {
		return exact
	}
	sources = nil
	for _, address := range addresses {
		o := origin.Parse(address)
		domain := origin.Registrable(o.Hostname())
		if domain == "" {
			add(o.String())
			continue
		}
		add(o.Scheme + "://" + domain + origin.Port(o))
		add(o.Scheme + "://*." + domain + origin.Port(o))
	}
	return strings.Join(sources, " ")
}

// answerError tells a person on a page, and a program in JSON.
func WriteError(w http.ResponseWriter, r *http.Request, status int) error {
	p := TextStatus[status]
	if !guard.CallerOf(r).Navigation {
		return WriteJSON(w, status, LogoutAnswer{Message: p.Text})
	}
	p.Kind = "error"
	p.Link, p.LinkText = "/", fmt.Sprintf(TextBack, inbound.Origin(r).Host)
	return Write(w, status, p)
}

// answerSpeculative: errors are not kept, so the browser asks again when the
// person really goes there (CSRF-05).
func WriteSpeculative(w http.ResponseWriter) error {
	Headers(w.Header())
	w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// answerSecretRedirect is for addresses with something in them that is nobody
// else's business. The access log would have it: our own log tells instead what
// was done.
func RedirectSecret(w http.ResponseWriter, r *http.Request, location string) error {
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	return Redirect(w, location)
}

func Redirect(w http.ResponseWriter, location string) error {
	Headers(w.Header())
	// Not http.Redirect, which cleans paths into escapes (URL-09).
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// logoutAnswer is our JSON.
type LogoutAnswer struct {
	Success               bool         `json:"success"`
	Message               string       `json:"message"`
	LogoutID              string       `json:"logout_id,omitempty"`
	RedirectURL           string       `json:"redirect_url,omitempty"`
	FrontChannelLogoutURL string       `json:"front_channel_logout_url,omitempty"`
	Apps                  []AppOutcome `json:"apps,omitempty"`
}

type AppOutcome struct {
	Host    string          `json:"host"`
	App     string          `json:"app"`
	Outcome outcome.Outcome `json:"outcome"`
}

func WriteJSON(w http.ResponseWriter, status int, answer LogoutAnswer) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	h := w.Header()
	Headers(h)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return IgnoreGone(err)
}

// ignoreGone: a browser that left does not make a logout fail, and Caddy would
// log the error and try to answer it.
func IgnoreGone(error) error { return nil }

// answerAsk shows the confirmation page. The body of a foreign POST is not
// repeated: it was not the user's.
func WriteConfirmation(w http.ResponseWriter, r *http.Request, status int, own origin.Origin) error {
	p := TextAsk.About(own.Host)
	p.Form = RepeatForm(r)
	return Write(w, status, p)
}

// repeatForm sends a request again, from our page and so from the same origin.
func RepeatForm(r *http.Request) *Form {
	uri := inbound.URL(r)
	f := Form{Method: "post", Action: uri.EscapedPath(), Button: textSignOut}
	if guard.IsSafe(r.Method) {
		// A GET form replaces the query of its action with its fields.
		f.Method = "get"
		f.Fields = QueryFields(uri.RawQuery)
	} else if uri.RawQuery != "" {
		f.Action += "?" + uri.RawQuery
	}
	if !origin.IsPlainPath(uri.EscapedPath()) {
		f.Action = "" // a form without action repeats the page's own address
	}
	return &f
}

// queryFields are a query's pairs in their order, for the fields of a form.
func QueryFields(raw string) (fields [][2]string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		fields = append(fields, [2]string{unescapeQuery(key), unescapeQuery(value)})
	}
	return fields
}

func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
