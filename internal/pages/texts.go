package pages

import (
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// Every sentence that a person can read on our pages or in our JSON.
var (
	textAsk = Page{
		Kind: "confirmation", Mood: moodAsk, Title: "Sign out?",
		Text: "You came here from somewhere else, so nothing has happened yet. Do you want to sign out of %s?",
	}
	textSignOut = "Sign out"
)

// Of the landing page.
var (
	textOutcome = map[outcome.Outcome]Page{
		outcome.Ended:   {Mood: moodGood, Title: "You are signed out", Text: "%s has ended your session, and this browser has forgotten it."},
		outcome.Revoked: {Mood: moodGood, Title: "You are signed out", Text: "This browser has forgotten your session at %s. Whoever still has it is refused from now on."},
		outcome.Cleared: {Mood: moodGood, Title: "You are signed out", Text: "This browser has forgotten your session at %s. The app did not say whether it ended the session on its side, too."},
		outcome.None:    {Mood: moodGood, Title: "You are signed out", Text: "There was no session at %s in this browser."},
		outcome.Failed:  {Mood: moodBad, Title: "You are signed out in this browser", Text: "This browser has forgotten your session at %s, but the app could not end it on its side. You may still be signed in there: if that matters, sign in and out once more when it works again, or tell whoever runs it."},
		"":              {Mood: moodNote, Title: "Signed out", Text: "You can close this window."},
	}
	textSignOn = map[SignOn]string{
		SignOnEnded: "Your session at %s, which signs you in to your apps, has ended, too.",
		SignOnNone:  "There was no session at %s, which signs you in to your apps.",
		SignOnAlive: "You may still be signed in at %s, which signs you in to your apps. Then the next sign-in may ask for no password.",
	}
	textEndProvider = "Sign out at %s"
	textContinueTo  = "Continue to %s"
	textBack        = "Back to %s"
)

// Of the landing page after a tour through the sites.
var (
	textAll          = Page{Mood: moodGood, Title: "You are signed out everywhere", Text: "This browser has forgotten every session that it had here."}
	textAllHere      = Page{Mood: moodGood, Title: "You are signed out", Text: textAll.Text}
	textAllSecure    = Page{Mood: moodNote, Title: "You are signed out", Text: "This browser is signed out of every site that has https."}
	textNotAll       = Page{Mood: moodBad, Title: "You are signed out, but not everywhere", Text: "Some apps could not be signed out. Where it matters, sign in and out there once more when it works again, or tell whoever runs it."}
	textNobody       = Page{Mood: moodGood, Title: "You are signed out", Text: "There was no session in this browser."}
	textOthers       = "The other apps"
	textSignedOutOf  = "Signed out of %d apps"
	textNoneThere    = "There was no session at one more app."
	textNoneAtOthers = "There was no session at %d more apps."
	textApp          = map[outcome.Outcome]string{
		outcome.Ended:   "signed out",
		outcome.Revoked: "signed out; the session is refused from now on",
		outcome.Cleared: "signed out in this browser; the app did not say that it ended the session",
		outcome.Failed:  "could not be ended",
		"":              "not reached",
	}
	textPlainHTTP = "not reached, for it has no https"
	textLeft      = "You may still be signed in at"
	textAlso      = "You may also be signed in elsewhere"
	textSignOutAt = "Sign out of %s"
)

// On the way.
var (
	textGoingOn  = Page{Kind: "progress", Mood: moodBusy, Title: "Signing out…", Text: "One moment, please."}
	textContinue = "Continue"
	textOfSteps  = "of %d steps done"
	textClearing = "Nearly done: clearing what is left in this browser."
	textPlain    = Page{Kind: "progress", Mood: moodNote, Title: "Please go on signing out", Text: "This site is done. Press the button for the next one, until a page says that you are signed out."}
	textLastDone = "All sites are done. One more click shows what became of them."
	textWasDone  = Page{Mood: moodNote, Title: "This step is over", Text: "This site was done already. Press the button to go on."}
	textOver     = Page{Kind: "progress", Mood: moodNote, Title: "This step is over", Text: "You have signed out already, or this page is too old to go on with. To be sure, sign out everywhere once more."}
	textAsking   = "signing out…"
	textAsked    = "done"
	textNoAnswer = "no answer"
)

// Of the page that signs out everywhere.
var (
	textEverywhere = "Sign out everywhere"
	AskEverywhere  = Page{Mood: moodAsk, Title: "Sign out everywhere?", Text: "One click signs this browser out of this site and of every other one that belongs to it."}
	AskForeign     = Page{Mood: moodAsk, Title: "Sign out everywhere?", Text: "You came here from somewhere else, so nothing has happened yet. Do you want to sign out of this site and of every other one that belongs to it?"}
	AskOutdated    = Page{Mood: moodBad, Title: "Sign out once more?", Text: "Your sign-out took too long, or the sites here have changed meanwhile: not all of them were reached."}
	AskForgotten   = Page{Mood: AskEverywhere.Mood, Title: AskEverywhere.Title, Text: textUnfinished}
	textUnfinished = "Your last sign-out was not finished: you are still signed in where it did not get to. One click signs this browser out of this site and of every other one that belongs to it."
	textSessions   = "This browser has a session at"
	textSessionsAt = "This browser has a session at %d apps"
)

// Of refusals.
var (
	textStatus = map[int]Page{
		http.StatusUnauthorized:     {Mood: moodNote, Title: "Signed out", Text: "This session has ended. Please sign in again."},
		http.StatusForbidden:        {Mood: moodBad, Title: "Not signed out", Text: "This request did not come from a page that may sign you out. To sign out, use the button of the app itself."},
		http.StatusNotFound:         {Mood: moodNote, Title: "Nothing here", Text: "There is no such page."},
		http.StatusMethodNotAllowed: {Mood: moodBad, Title: "Not signed out", Text: "This is no way to sign out. To sign out, use the button of the app itself."},
		http.StatusTooManyRequests:  {Mood: moodBad, Title: "Too many sign-outs", Text: "There was no session to end, many times in a row. Please wait a minute."},
	}
)

// Of our JSON.
var (
	messageLoggedOut = "Logged out"
	messageFailed    = "Logged out in this browser, but the app did not end its session"
)
