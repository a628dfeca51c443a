package universallogout

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var (
	tourForm  = regexp.MustCompile(`<form id="sign-out" method="post" action="([^"]+)" data-tour>`)
	formField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	asked     = regexp.MustCompile(`data-ask="([^"]+)"`)
	overAt    = regexp.MustCompile(`data-over="([^"]+)"`)
)

// runScript does what the script of a hop page does: it asks the sites, and
// returns the form's request. nil: the page is none of a tour.
func (s *site) runScript(j *jar, page *url.URL, body string) *http.Request {
	action := tourForm.FindStringSubmatch(body)
	if action == nil {
		return nil
	}
	fields := make(url.Values)
	for _, f := range formField.FindAllStringSubmatch(body, -1) {
		fields.Set(f[1], html.UnescapeString(f[2]))
	}
	words := s.askAll(j, page, body, fields.Get("t"))
	if over := overAt.FindStringSubmatch(body); over != nil {
		if res, _ := s.askSite(j, page, html.UnescapeString(over[1]), fields.Get("t")+"\nover"); res.StatusCode == http.StatusNoContent {
			words = append(words, "over")
		}
	}
	if len(words) > 0 {
		fields.Set("o", "asked "+strings.Join(words, " "))
	}
	return formFrom(page, html.UnescapeString(action[1]), fields)
}

// askAll asks every site that a page names, like its script.
func (s *site) askAll(j *jar, page *url.URL, body, token string) (words []string) {
	for _, ask := range asked.FindAllStringSubmatch(body, -1) {
		said := token
		for range 40 {
			res, word := s.askSite(j, page, html.UnescapeString(ask[1]), said)
			if res.StatusCode != http.StatusAccepted {
				words = append(words, word)
				break
			}
			said = token + "\n" + word
		}
	}
	return words
}

// askSite is one fetch of a page's script.
func (s *site) askSite(j *jar, page *url.URL, address, body string) (*http.Response, string) {
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	r := request("POST", address, body, "Origin: "+page.Scheme+"://"+page.Host, "Content-Type: text/plain", "Accept: */*",
		"Sec-Fetch-Site: "+fetchSite([]*url.URL{page, u}), "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
	if cookies := j.sent(r); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	res := s.do(r)
	word := bodyOf(s.t, res)
	if res.StatusCode/100 != 2 {
		word = ""
	}
	j.store(u.Hostname(), u.Path, u.Scheme == "https", res.Header["Set-Cookie"])
	return res, word
}

// formFrom is the form of a page, sent by a script or by its button.
func formFrom(page *url.URL, action string, fields url.Values) *http.Request {
	u, err := page.Parse(action)
	if err != nil {
		panic(err)
	}
	origin := page.Scheme + "://" + page.Host
	return request("POST", u.String(), fields.Encode(), "Origin: "+origin, "Referer: "+origin+"/", "Content-Type: application/x-www-form-urlencoded",
		"Sec-Fetch-Site: "+fetchSite([]*url.URL{page, u}), "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
}

// runScriptWith is runScript with the words that were collected.
func (s *site) runScriptWith(p browserPage, words []string) *http.Request {
	body := asked.ReplaceAllString(p.body, "")
	r := s.runScript(&jar{}, p.url, body)
	form := r.URL.Query()
	if err := r.ParseForm(); err != nil {
		s.t.Fatal(err)
	}
	for name := range r.PostForm {
		form.Set(name, r.PostForm.Get(name))
	}
	form.Set("o", strings.Join(words, " "))
	return formFrom(p.url, r.URL.String(), form)
}
