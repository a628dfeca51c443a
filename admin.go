package universallogout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/identify"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
)

func init() { caddy.RegisterModule(adminAPI{}) }

const (
	statusPath = "/universal_logout/status"
	revokePath = "/universal_logout/revoke"

	maxRevokeBody = 64 << 10
	maxIssuer     = 2048

	// durableTimeout: whoever revokes waits longer for the disk than a browser.
	durableTimeout = 30 * time.Second
)

// adminAPI is our part of Caddy's admin API.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.universal_logout", New: func() caddy.Module { return new(adminAPI) }}
}

// Routes implements caddy.AdminRouter.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: statusPath, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return serveStatus(w, r, runningApp()) })},
		{Pattern: revokePath, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return serveRevoke(w, r, runningApp()) })},
	}
}

var errNotRunning = errors.New("nothing in the running configuration uses universal_logout")

func adminError(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

func allowOnly(w http.ResponseWriter, r *http.Request, methods ...string) error {
	if slices.Contains(methods, r.Method) {
		return nil
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return adminError(http.StatusMethodNotAllowed, fmt.Errorf("method not allowed; here it is %s", methods[0]))
}

func answerAdmin(w http.ResponseWriter, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return pages.IgnoreGone(json.NewEncoder(w).Encode(answer))
}

func serveStatus(w http.ResponseWriter, r *http.Request, a *App) error {
	if err := allowOnly(w, r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if a == nil {
		return adminError(http.StatusNotFound, errNotRunning)
	}
	return answerAdmin(w, a.status())
}

var errRevokeBody = errors.New(`write {"issuer": "https://…", "sub": "…"} or {"issuer": "https://…", "sid": "…"}, and nothing else`)

// parseRevoke is strict: what is misread here refuses the wrong user. Go's own
// decoder takes a name in any case, and the last of several.
func parseRevoke(body []byte) (req whose, err error) {
	fields := map[string]*string{"issuer": &req.issuer, "sub": &req.sub, "sid": &req.sid}
	dec := json.NewDecoder(bytes.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') || !utf8.Valid(body) {
		return whose{}, errRevokeBody
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return whose{}, errRevokeBody
		}
		value, err := dec.Token()
		key, _ := name.(string)
		text, isText := value.(string)
		if err != nil || !isText || fields[key] == nil || *fields[key] != "" {
			return whose{}, errRevokeBody
		}
		// A lone surrogate becomes this character, and the name another one.
		if strings.ContainsRune(text, utf8.RuneError) {
			return whose{}, fmt.Errorf("%s has characters that are none", key)
		}
		if text == "" {
			return whose{}, fmt.Errorf("%s is empty", key)
		}
		*fields[key] = text
	}
	if _, err := dec.Token(); err != nil { // the }
		return whose{}, errRevokeBody
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return whose{}, errRevokeBody
	}
	switch {
	case req.issuer == "" || (req.sub == "") == (req.sid == ""):
		return whose{}, errRevokeBody
	case len(req.issuer) > maxIssuer || len(req.sub) > identify.MaxClaim || len(req.sid) > identify.MaxClaim:
		return whose{}, fmt.Errorf("an issuer has up to %d bytes, a sub or sid up to %d", maxIssuer, identify.MaxClaim)
	}
	return req, nil
}

func serveRevoke(w http.ResponseWriter, r *http.Request, a *App) error {
	if err := allowOnly(w, r, http.MethodPost); err != nil {
		return err
	}
	// A page of any site can send anything but JSON without being asked first.
	// Browsers name its origin; programs need not say what they send.
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if isJSON := err == nil && media == "application/json"; !isJSON && (r.Header["Origin"] != nil || r.Header["Sec-Fetch-Site"] != nil) {
		return adminError(http.StatusUnsupportedMediaType, errors.New("the body must be JSON; say so with Content-Type: application/json"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRevokeBody+1))
	switch {
	case err != nil:
		return adminError(http.StatusBadRequest, errors.New("the body did not arrive"))
	case len(body) > maxRevokeBody:
		return adminError(http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", maxRevokeBody))
	}
	req, err := parseRevoke(body)
	switch {
	case err != nil:
		return adminError(http.StatusBadRequest, err)
	case a == nil:
		return adminError(http.StatusNotFound, errNotRunning)
	}
	id, err := a.revokeByAdmin(r, req)
	if err != nil {
		return err
	}
	return answerAdmin(w, struct {
		Revoked  bool   `json:"revoked"`
		Durable  bool   `json:"durable"`
		Kind     string `json:"kind"`
		Issuer   string `json:"issuer"`
		LogoutID string `json:"logout_id"`
	}{true, true, req.kind(), req.issuer, id})
}

// revokeByAdmin is a logout by whoever runs this Caddy. It returns when the
// sessions stay refused whatever happens to this node.
func (a *App) revokeByAdmin(r *http.Request, req whose) (id string, err error) {
	if known := a.issuers(); !a.readsAnyIssuer() && !slices.Contains(known, req.issuer) {
		if len(known) == 0 {
			return "", adminError(http.StatusConflict, errors.New("no site has a provider or identify, so nobody knows whose a session is"))
		}
		return "", adminError(http.StatusConflict, fmt.Errorf("no site has that issuer; known are %s", strings.Join(known, ", ")))
	}
	ctx, done := context.WithTimeout(r.Context(), durableTimeout)
	defer done()
	by := revoker{initiator: telemetry.Admin, message: "logged out by the admin API", clientIP: withoutPort(r.RemoteAddr)}
	id, err = a.revokeSessions(ctx, by, req)
	return id, answerOf(err)
}

// answerOf is what an admin is told of a revocation.
func answerOf(err error) error {
	switch {
	case errors.Is(err, errListNotOpen):
		return adminError(http.StatusServiceUnavailable, errors.New("not revoked: the list of revocations is not open yet; the status says more"))
	case errors.Is(err, revocation.ErrFull):
		return adminError(http.StatusServiceUnavailable, errors.New("not revoked: the list of revocations is full"))
	case err != nil:
		return adminError(http.StatusServiceUnavailable,
			fmt.Errorf("revoked on this node from now on, but not written down yet (%s): should it end before it can, the sessions come back", plainError(err)))
	}
	return nil
}

// issuers are those that sessions can be known by: providers', and groups'
// whose auth layers name users.
func (a *App) issuers() (all []string) {
	for _, p := range a.run.providers {
		if !p.IsPortal() {
			all = cookie.Union(all, []string{p.Issuer})
		}
	}
	for _, p := range a.registry().apps {
		if p.Handler.run.identity != nil {
			all = cookie.Union(all, []string{p.Handler.run.identity.Issuer()})
		}
	}
	slices.Sort(all)
	return all
}

// readsAnyIssuer: a site with identify jwt has whatever issuer its app's tokens
// name, and that need not be a provider of ours.
func (a *App) readsAnyIssuer() bool {
	return slices.ContainsFunc(a.registry().apps, func(p mount) bool { return p.Handler.Identify != nil && p.Handler.Identify.JWT })
}

func withoutPort(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address // a socket has none
}
