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
func (landing Landing) Page() Page {
	p := landing.ofApp()
	p.Self, p.Forget = landing.Self, landing.Self != ""
	landing.addAlso(&p)
	if landing.Tour == nil {
		return p
	}
	p.OnTour = true
	if landing.Tour.Forgotten {
		return p.says(textNotAll)
	}
	none := p.addApps(landing.Tour)
	switch {
	case landing.Tour.Failed:
		p = p.says(textNotAll)
	case landing.SignOn == SignOnAlive:
		p.Text = textAll.Text
	case !landing.Tour.Found:
		return p.says(textNobody)
	case len(landing.Tour.Plain) > 0:
		p = p.says(textAllSecure)
	case len(p.Also) > 0:
		p = p.says(textAllHere)
	default:
		p = p.says(textAll)
	}
	if len(p.Left)+len(p.Also) > 0 {
		p.AppsTitle = textOthers
	}
	switch {
	case none == 1:
		p.Note = textNoneThere
	case none > 1:
		p.Note = fmt.Sprintf(textNoneAtOthers, none)
	}
	return p
}

// ofApp is the page of a logout of one app.
func (landing Landing) ofApp() Page {
	p := textOutcome[landing.Outcome].about(landing.Host)
	p.Kind = "landing"
	if text, ok := textSignOn[landing.SignOn]; ok {
		p.Provider = strings.Replace(text, "%s", landing.Provider, 1)
	}
	if landing.SignOn == SignOnAlive && p.Mood != moodBad {
		p.Mood, p.Title = textNotAll.Mood, textNotAll.Title
	}
	if landing.SignOn == SignOnAlive && landing.ProviderLink != "" {
		p.ProviderLink, p.ProviderLinkText = landing.ProviderLink, fmt.Sprintf(textEndProvider, landing.Provider)
	}
	switch {
	case landing.Target != "":
		p.Link, p.LinkText = landing.Target, fmt.Sprintf(textContinueTo, cmp.Or(origin.Parse(landing.Target).Host, landing.Host))
		if landing.GoesOn {
			p.Next = landing.Target
		}
	case landing.Outcome != "":
		p.Link, p.LinkText = "/", fmt.Sprintf(textBack, landing.Host)
	}
	return p
}

// addAlso names the apps that are not behind this Caddy. Those that browsers
// call same-site with the page can be asked; what they answer nobody knows.
func (landing Landing) addAlso(p *Page) {
	site := origin.Site(origin.Origin{Scheme: "https", Host: landing.Host})
	for _, also := range landing.Also {
		p.Also = append(p.Also, Link{fmt.Sprintf(textSignOutAt, also.Name), also.URL})
		if landing.Self != "" && origin.Site(origin.Parse(also.URL)) == site {
			p.Calls = append(p.Calls, also.URL)
		}
	}
}

// addApps lists what became of the apps, and counts those without a session.
func (p *Page) addApps(t *Tour) (none int) {
	p.AppsCount = textSignedOutOf
	for _, app := range t.Apps {
		line := appLine{Name: app.Name, Text: textApp[app.Outcome]}
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
		p.Left = append(p.Left, appLine{Name: host, Text: textPlainHTTP, Link: "http://" + host + "/"})
	}
	return none
}
