package pages

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// Answer is our JSON.
type Answer struct {
	Success               bool         `json:"success"`
	Message               string       `json:"message"`
	LogoutID              string       `json:"logout_id,omitempty"`
	RedirectURL           string       `json:"redirect_url,omitempty"`
	FrontChannelLogoutURL string       `json:"front_channel_logout_url,omitempty"`
	Apps                  []AppOutcome `json:"apps,omitempty"`
}

// AppOutcome is what became of one app.
type AppOutcome struct {
	Host    string          `json:"host"`
	App     string          `json:"app"`
	Outcome outcome.Outcome `json:"outcome"`
}

// NewAnswer is the answer to a script for the logout of one app.
func NewAnswer(id string, app AppOutcome) Answer {
	answer := Answer{Success: app.Outcome != outcome.Failed, Message: messageLoggedOut, LogoutID: id, Apps: []AppOutcome{app}}
	if !answer.Success {
		answer.Message = messageFailed
	}
	return answer
}

// WriteErrorJSON tells a program that nothing was done, and why.
func WriteErrorJSON(w http.ResponseWriter, status int) error {
	return WriteJSON(w, status, Answer{Message: textStatus[status].Text})
}

// WriteJSON writes our JSON, and a line break.
func WriteJSON(w http.ResponseWriter, status int, answer Answer) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	hdr := w.Header()
	SetHeaders(hdr)
	hdr.Set("Content-Type", "application/json")
	hdr.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return IgnoreGone(err)
}
