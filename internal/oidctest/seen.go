package oidctest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Request is one that the provider got.
type Request struct {
	Method string
	Path   string // below the issuer: "/token"
	Query  url.Values
	Form   url.Values // the body alone
	Header http.Header
}

// Param returns a parameter where the request's method puts it: in the body of a POST, else in the query.
func (r Request) Param(name string) string {
	if r.Method == http.MethodPost {
		return r.Form.Get(name)
	}
	return r.Query.Get(name)
}

// Seen returns the requests so far, oldest first: all, or those to one of these paths, such as "/logout".
func (p *Provider) Seen(paths ...string) []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []Request
	for _, r := range p.requests {
		if len(paths) == 0 || slices.Contains(paths, r.Path) {
			found = append(found, r)
		}
	}
	return found
}

func (p *Provider) record(r *http.Request, path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = keep(p.requests, Request{
		Method: r.Method,
		Path:   path,
		Query:  r.URL.Query(),
		Form:   maps.Clone(r.PostForm),
		Header: r.Header.Clone(),
	})
}
