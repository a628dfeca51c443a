// Package pages writes what our own addresses answer: pages with their texts,
// JSON, redirects and headers.
package pages

import (
	"fmt"
	"strings"
)

// Page is what the templates show. All of it may come from outside:
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
	Form      *form

	Left      []appLine // where the user may still be signed in
	Apps      []appLine // the other apps: those that ended, or are about to
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
	moodBad  mood = "bad"  // not, or not everywhere
	moodBusy mood = "busy" // goes on by itself
	moodAsk  mood = "ask"
	moodNote mood = "note" // nothing happens here
)

// appLine is one app on a page.
type appLine struct {
	Name string
	Text string
	Link string
}

// Link is an app that is not behind this Caddy.
type Link struct{ Name, URL string }

// about names the host in the page's text, which may be from outside itself.
func (p Page) about(host string) Page {
	p.Text = strings.Replace(p.Text, "%s", host, 1)
	return p
}

// says gives the page the words and looks of another.
func (p Page) says(text Page) Page {
	p.Mood, p.Title, p.Text = text.Mood, text.Title, text.Text
	return p
}

// What the page says of the parts of a tour, and above lists of apps.
func (Page) TextAsking() string { return textAsking }

func (Page) TextAsked() string { return textAsked }

func (Page) TextNoAnswer() string { return textNoAnswer }

// AppsFold is what the folded list of apps says.
func (p Page) AppsFold() string { return fmt.Sprintf(p.AppsCount, len(p.Apps)) }

func (Page) LeftTitle() string { return textLeft }

func (Page) AlsoTitle() string { return textAlso }

func (p Page) OfSteps() string { return fmt.Sprintf(textOfSteps, p.Steps) }

// maxShownApps is how many apps without a problem a page lists in the open.
const maxShownApps = 12

// Folds reports whether the list of these apps is opened by a click.
func (p Page) Folds() bool { return len(p.Apps) > maxShownApps }
