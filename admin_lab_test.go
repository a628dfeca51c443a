package universallogout

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

const testIssuer = "https://sso.example.com/realms/main"

// adminSite is one with a provider, and all that the status can tell.
func adminSite(t testing.TB) *site {
	t.Helper()
	return newSite(t, `universal_logout {
		hub https://logout.example.com
		provider main `+testIssuer+` {
			client_id edge
			client_secret client-s3cr3t
			end_session_endpoint https://sso.example.com/out?x=1
		}
		provider portal {
			logout_url https://auth.example.com/logout?rd={return_url}
		}
	}`, `app.example.com, wiki.example.com {
		universal_logout main
		universal_logout /grafana/* main
		respond app
	}
	logout.example.com {
		universal_logout main
	}
	*.example.net {
		universal_logout portal {
			hosts one.example.net
		}
		respond app
	}`)
}

// admin answers as Caddy's admin API makes its handlers answer.
func admin(serve func(http.ResponseWriter, *http.Request, *App) error, a *App, r *http.Request) (*httptest.ResponseRecorder, string) {
	w := httptest.NewRecorder()
	if err := serve(w, r, a); err != nil {
		var api caddy.APIError
		if !errors.As(err, &api) {
			api.HTTPStatus = http.StatusInternalServerError
		}
		w.WriteHeader(api.HTTPStatus)
		fmt.Fprint(w, err)
	}
	return w, w.Body.String()
}

func revokeBy(a *App, body string) (*httptest.ResponseRecorder, string) {
	return admin(serveRevoke, a, request("POST", "http://localhost:2019"+revokePath, body, "Content-Type: application/json"))
}
