package universallogout

import (
	"strings"
	"testing"
)

// TestExplain: every step that a logout would take, in its order, and what it
// would not do.
func TestExplain(t *testing.T) {
	file := writeCaddyfile(t, `universal_logout {
		hub https://logout.example.com
		session_lifetime 7d
		also Mail https://mail.example.org/logout
		provider main https://sso.example.com/realms/main {
			client_id edge
			client_secret s3cr3t-client
		}
		provider hydra https://hydra.example.com {
			client_id edge
			quirks hydra
		}
		provider portal {
			logout_url https://auth.example.com/logout?key=s3cr3t-portal&rd={return_url}
		}
	}`, `app.example.com {
		universal_logout main {
			paths POST /bye?session=end
			paths /logout
			session_cookies app_session
			return_to /welcome
			identify header Remote-User
			on_revoked redirect /login
			session_headers X-Session
		}
		reverse_proxy :1
	}
	wiki.example.com {
		universal_logout main {
			logout_call POST /end?key=s3cr3t-query {
				header X-Key s3cr3t-header
			}
		}
		handle_path /docs/* {
			universal_logout main
			reverse_proxy :1
		}
		reverse_proxy :1
	}
	http://plain.example.com {
		universal_logout main
		reverse_proxy :1
	}
	shop.example.org {
		universal_logout main
		reverse_proxy :1
	}
	logout.example.com {
		universal_logout main
	}
	alone.example.net {
		universal_logout hydra {
			fanout off
			allow_cross_site
		}
		reverse_proxy :1
	}
	one.example.net {
		universal_logout portal
		reverse_proxy :1
	}
	none.example.net {
		universal_logout {
			group none
		}
		reverse_proxy :1
	}`)
	for name, tc := range map[string]struct {
		url  string
		says []string // in this order
		not  []string
	}{
		"a group": {"https://app.example.com/logout", []string{
			"GET, by a click:", "this site:", "it is a logout", "of its group:", "it is a logout", "any other site's page:", "the user is asked first", "image", "refused (403)", "prefetch", "refused (503)",
			"POST, by a form:", "any other site's page:", "refused (403), with a page that asks",
			"1. The app gets the request as it is (/logout), and has 5s", "2. Session cookies are app_session", "its storage", "3. What was presented is refused", "7 days", "is redirected to /login", "X-Session", "from Remote-User (issuer https://sso.example.com/realms/main)",
			"4. The browser goes through", "https://logout.example.com: the hub", "https://wiki.example.com: the app is asked by POST /end?…", "https://wiki.example.com/docs: the app is asked by GET /docs/logout",
			"https://shop.example.org", "plain http: plain.example.com",
			"5. Access and refresh tokens", "6. If the app has no ID token", "https://logout.example.com/.universal-logout/callback",
			"7. The browser goes to its end_session_endpoint", "client_id=edge, post_logout_redirect_uri=https://logout.example.com/.universal-logout/return, a state",
			"8. It ends on this site", "to /welcome", "Mail: https://mail.example.org/logout",
		}, nil},
		"a query and a method": {"https://app.example.com/bye?session=end", []string{"GET is no logout here", "POST, by a form", "1. The app gets"}, nil},
		"a block":              {"https://wiki.example.com/docs/logout", []string{"1. The app gets the request as it is (/logout)"}, nil},
		"no logout":            {"https://app.example.com/", []string{"GET is no logout here", "POST is no logout here", "Logouts at https://app.example.com are:", "POST /bye?session=end", "/logout"}, []string{"1. "}},
		"our own pages":        {"https://app.example.com/.universal-logout/done", []string{"one of our own pages"}, []string{"1. "}},
		"alone, from anywhere": {"https://alone.example.net/logout", []string{"any other site's page:", "it is a logout", "fanout off", "Without an ID token nothing of that is sent"}, nil},
		"a portal":             {"https://one.example.net/logout", []string{"No other app is in its group (portal)", "portal portal: https://auth.example.com/logout?…"}, []string{"tokens"}},
		"no provider":          {"https://none.example.net/logout", []string{"those with the usual names", "goes to the app without it", "No provider is named"}, nil},
		"behind another proxy": {"http://app.example.com:8080/logout", []string{"1. The app gets"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			printed, err := command(t, "", "explain", tc.url, "--config", file, "--adapter", "caddyfile")
			if err != nil {
				t.Fatal(err)
			}
			rest := printed
			for _, text := range tc.says {
				_, after, found := strings.Cut(rest, text)
				if !found {
					t.Fatalf("does not say %q (behind what comes before it):\n%s", text, printed)
				}
				rest = after
			}
			for _, text := range append(tc.not, "s3cr3t", "%!") {
				if strings.Contains(printed, text) {
					t.Errorf("says %q:\n%s", text, printed)
				}
			}
		})
	}
	for _, address := range []string{"/logout", "app.example.com/logout", "ftp://app.example.com/logout", "https://other.example.org/logout", "https://", "%zz"} {
		if printed, err := command(t, "", "explain", address, "--config", file, "--adapter", "caddyfile"); err == nil {
			t.Errorf("%s: %s", address, printed)
		}
	}
}
