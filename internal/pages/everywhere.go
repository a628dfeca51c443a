package pages

// Everywhere is the page with the button that ends all sessions, those of
// sessions among them: the names of the apps here that the browser has one of.
// says is why the person sees it: one of AskEverywhere, AskForeign,
// AskOutdated and AskForgotten. unfinished: an earlier one was, as this
// browser says.
func Everywhere(says Page, action string, sessions []string, unfinished bool) Page {
	p := says
	p.Kind = "everywhere"
	p.Form = &form{Method: "post", Action: action, Button: textEverywhere}
	p.AppsTitle, p.AppsCount = textSessions, textSessionsAt
	for _, name := range sessions {
		p.Apps = append(p.Apps, appLine{Name: name})
	}
	if unfinished {
		p.Mood, p.Text = moodBad, textUnfinished
	}
	return p
}
