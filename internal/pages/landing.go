package pages

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// Landing is what the page at the end of a logout tells. Without a Host it is a
// bare "signed out", for those of whose logout nobody knows.
type Landing struct {
	Self    string // the page's own address; "" if it only tells, and clears nothing
	Host    string
	Outcome outcome.Outcome // of the app where the logout began
	Target  string          // where the browser goes from here; "": to the app
	GoesOn  bool            // to Target, by itself

	SignOn       SignOn // "": there is none, or nobody asked
	Provider     string // the name of it
	ProviderLink string // where a click ends it, if it is still alive

	Tour *Tour
	Also []Link // apps elsewhere
}

// SignOn is what became of the single sign-on.
type SignOn string

const (
	SignOnEnded SignOn = "ended" // the provider sent the browser back
	SignOnNone  SignOn = "none"  // it said that there was no session
	SignOnAlive SignOn = "alive" // nobody could ask it to end the session
)

// Tour is what became of a tour through several sites.
type Tour struct {
	Forgotten bool // the configuration has changed since: no more is known
	Found     bool // some app had a session
	Failed    bool // of some app nobody knows that it has ended
	Apps      []App
	Plain     []string // hosts without https, where no tour leads
}

// App is one app of a tour.
type App struct {
	Name, URL string
	Outcome   outcome.Outcome // "": it was not reached
}

// Page is the landing page.
func (l Landing) Page() Page {
	p := l.ofApp()
	p.Self, p.Forget = l.Self, l.Self != ""
	l.addAlso(&p)
	if l.Tour == nil {
		return p
	}
	p.OnTour = true
	if l.Tour.Forgotten {
		return p.Says(TextNotAll)
	}
	none := p.addApps(l.Tour)
	switch {
	case l.Tour.Failed:
		p = p.Says(TextNotAll)
	case l.SignOn == SignOnAlive:
		p.Text = TextAll.Text
	case !l.Tour.Found:
		return p.Says(TextNobody)
	case len(l.Tour.Plain) > 0:
		p = p.Says(TextAllSecure)
	case len(p.Also) > 0:
		p = p.Says(TextAllHere)
	default:
		p = p.Says(TextAll)
	}
	if len(p.Left)+len(p.Also) > 0 {
		p.AppsTitle = TextOthers
	}
	switch {
	case none == 1:
		p.Note = TextNoneThere
	case none > 1:
		p.Note = fmt.Sprintf(TextNoneAtOthers, none)
	}
	return p
}

// ofApp is the page of a logout of one app.
func (l Landing) ofApp() Page {
	p := TextOutcome[l.Outcome].About(l.Host)
	p.Kind = "landing"
	if text, ok := textSignOn[l.SignOn]; ok {
		p.Provider = strings.Replace(text, "%s", l.Provider, 1)
	}
	if l.SignOn == SignOnAlive && p.Mood != MoodBad {
		p.Mood, p.Title = TextNotAll.Mood, TextNotAll.Title
	}
	if l.SignOn == SignOnAlive && l.ProviderLink != "" {
		p.ProviderLink, p.ProviderLinkText = l.ProviderLink, fmt.Sprintf(TextEndProvider, l.Provider)
	}
	switch {
	case l.Target != "":
		p.Link, p.LinkText = l.Target, fmt.Sprintf(TextContinueTo, cmp.Or(origin.Parse(l.Target).Host, l.Host))
		if l.GoesOn {
			p.Next = l.Target
		}
	case l.Outcome != "":
		p.Link, p.LinkText = "/", fmt.Sprintf(TextBack, l.Host)
	}
	return p
}

// addAlso names the apps that are not behind this Caddy. Those that browsers
// call same-site with the page can be asked; what they answer nobody knows.
func (l Landing) addAlso(p *Page) {
	site := origin.SameSite(origin.Origin{Scheme: "https", Host: l.Host})
	for _, also := range l.Also {
		p.Also = append(p.Also, Link{fmt.Sprintf(TextSignOutAt, also.Name), also.URL})
		if l.Self != "" && origin.SameSite(origin.Parse(also.URL)) == site {
			p.Calls = append(p.Calls, also.URL)
		}
	}
}

// addApps lists what became of the apps, and counts those without a session.
func (p *Page) addApps(t *Tour) (none int) {
	p.AppsCount = TextSignedOutOf
	for _, app := range t.Apps {
		line := AppLine{Name: app.Name, Text: textApp[app.Outcome]}
		switch app.Outcome {
		case outcome.None:
			none++
		case outcome.Failed, "":
			line.Link = app.URL
			p.Left = append(p.Left, line)
		case outcome.Ended, outcome.Revoked, outcome.Cleared:
			p.Apps = append(p.Apps, line)
		}
	}
	for _, host := range t.Plain {
		p.Left = append(p.Left, AppLine{Name: host, Text: TextPlainHTTP, Link: "http://" + host + "/"})
	}
	return none
}
