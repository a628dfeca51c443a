package pages

import (
	"fmt"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Going is a page that does nothing but lead to the next.
func Going(next string) Page {
	p := textGoingOn
	p.Forget = true
	p.Next, p.Link, p.LinkText = next, next, textContinue
	return p
}

// Hop is where a tour through several sites is, for the page of one of them.
// Paths are those of our addresses, the same at every site.
type Hop struct {
	Done, Steps int
	Clears      bool // what is left in the browser: the apps are done
	Last        bool // no site follows

	Path  string        // of hops
	Next  origin.Origin // the site whose hop the form goes to
	Token string        // of the tour, for that

	// For the page whose script does the work.
	AtStart  bool // of the tour
	Asks     []Ask
	SitePath string        // of what a script asks a site
	Hub      origin.Origin // that hears here that the tour is over; zero: not here
	Stops    []NextStop    // where the page may go on instead of Next
	Plain    string        // where it goes on without script; "": by a click
}

// Ask is the part of one app in a tour, that the page's script asks for.
type Ask struct{ URL, Name string }

// NextStop is a site where a tour may go on, and its number in the tour. The
// page adds the addresses.
type NextStop struct {
	Number int
	Origin origin.Origin
	Hop    string // where the form goes
	Site   string // what answers if anybody is there
}

// Page asks the sites of one registrable domain, and then goes on.
func (hop Hop) Page() Page {
	p := textGoingOn
	p.OnTour = true
	p.Forget, p.Self, p.Returns = true, hop.Path, hop.AtStart
	if hop.Clears {
		p.Text = textClearing
	}
	p.Done, p.Steps = hop.Done, hop.Steps
	p.Asks, p.Plain = hop.Asks, hop.Plain
	if hop.Hub != (origin.Origin{}) {
		p.Over = hop.Hub.String() + hop.SitePath
	}
	p.Form = hop.form()
	p.Form.ByItself = true
	for _, s := range hop.Stops {
		s.Hop, s.Site = s.Origin.String()+hop.Path, s.Origin.String()+hop.SitePath
		p.Stops = append(p.Stops, s)
	}
	return p
}

// PlainPage has nothing but the button that leads to the next site.
func (hop Hop) PlainPage() Page {
	p := textPlain
	p.OnTour = true
	p.Done, p.Steps = hop.Done, hop.Steps
	if hop.Last {
		p.Text = textLastDone
	}
	p.Form = hop.form()
	return p
}

// DonePage is the same for a site that was done before.
func (hop Hop) DonePage() Page { return hop.PlainPage().says(textWasDone) }

func (hop Hop) form() *form {
	to := hop.Next.String()
	return &form{
		Method: "post", Action: to + hop.Path, Button: fmt.Sprintf(textContinueTo, hop.Next.Host), Origin: to,
		Fields: [][2]string{{"t", hop.Token}, {"o", ""}},
	}
}

// Over is for a hop of a tour of which nobody knows anything. everywhere is the
// address that ends all sessions. If the browser's history has the tour's
// token, a button sends it to hopPath.
func Over(everywhere, hopPath string) Page {
	p := textOver
	p.OnTour = true
	p.Link, p.LinkText = everywhere, textEverywhere
	p.Form = &form{Method: "post", Action: hopPath, Button: textContinue, Fields: [][2]string{{"t", ""}}, Kept: true}
	return p
}
