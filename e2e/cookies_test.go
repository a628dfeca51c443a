package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A cookieKind is a way to set a session cookie that needs a deletion of its own kind. In attributes, {domain} stands for
// the registrable domain and {middle} for a domain between it and the host.
type cookieKind struct{ name, attributes string }

var (
	// few is what an app with several ways to sign in has.
	few = []cookieKind{
		{"sid", "Path=/; Secure; HttpOnly; SameSite=Lax"},
		{"auth_token.0", "Path=/; Secure; HttpOnly"},
		{"auth_token.1", "Path=/; Secure; HttpOnly"},
		{"path_sid", "Path=/admin; Secure; HttpOnly"},
		{"slash_sid", "Path=/admin/; Secure; HttpOnly"},
	}
	// many is everything that there is.
	many = append([]cookieKind{
		{"plain_sid", "Path=/"},
		{"strict_sid", "Path=/; Secure; HttpOnly; SameSite=Strict"},
		{"none_sid", "Path=/; Secure; HttpOnly; SameSite=None"},
		{"lasting_sid", "Path=/; Secure; HttpOnly; Max-Age=86400"},
		{"domain_sid", "Path=/; Secure; Domain={domain}"},
		{"middle_sid", "Path=/; Secure; Domain={middle}"},
		{"__Host-sid", "Path=/; Secure; HttpOnly"},
		{"__Secure-sid", "Path=/; Secure; Domain={domain}"},
		{"parted_sid", "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"},
		{"__Host-parted_sid", "Path=/; Secure; SameSite=None; Partitioned"},
		// No name that anybody could know: the value gives it away.
		{"x7", "Path=/; Secure; HttpOnly"},
	}, few...)
)

// Whatever shape a session cookie has, no browser has it after the logout; and storage is empty.
func TestEveryKindOfSessionCookieIsGoneAfterALogout(t *testing.T) {
	app := startSessionApp(t)
	for _, c := range []struct {
		by, page string
		answer   http.HandlerFunc
		shapes   [][]cookieKind
	}{
		{"a link", `<a id=out href=/admin/logout/>Log out</a>`, redirect(302, "/admin/elsewhere"), [][]cookieKind{few, many}},
		{"a form", `<form method=post action=/admin/logout/><button id=out>Log out</button></form>`, redirect(302, "/admin/elsewhere"), [][]cookieKind{few, many}},
		{"fetch that gets the edge's answer", `<button id=out>Log out</button><script>
			out.onclick = async () => {
				const answer = await fetch("/admin/logout/", {method: "POST"});
				location = (await answer.json()).redirect_url;
			}</script>`, redirect(302, "/admin/elsewhere"), [][]cookieKind{few}},
		{"fetch that gets the app's answer", `<button id=out>Log out</button><script>
			out.onclick = async () => {
				await fetch("/admin/logout/", {method: "POST"});
				location = "/admin/elsewhere";
			}</script>`, answer(200, "application/json", "{}"), [][]cookieKind{few}},
	} {
		t.Run("by "+c.by, func(t *testing.T) {
			hosts, all := map[string][]cookieKind{}, sites{}
			for _, kinds := range c.shapes {
				domain := newDomain()
				middle, host := "apps."+domain, "one.apps."+domain
				hosts[host] = kinds
				for _, k := range kinds {
					attributes := strings.NewReplacer("{domain}", domain, "{middle}", middle).Replace(k.attributes)
					app.cookies[host] = append(app.cookies[host], k.name+"={sid}; "+attributes)
				}
				// A cookie that is no session, and one that looks like one but is to be kept.
				app.cookies[host] = append(app.cookies[host], "theme=dark; Path=/", "device_sid={sid}; Path=/; Secure")
				app.page(host+"/admin/home", "<!doctype html><title>home</title>"+c.page)
				app.logout(host+"/admin/logout/{$}", c.answer)
				all[host] = "universal_logout {\n paths /admin/logout/\n keep_cookies device_sid\n}\n reverse_proxy " + app.url
			}
			startCaddy(t, "", all)

			inEveryEngine(t, func(t *testing.T, v *visitor) {
				for host, kinds := range hosts {
					origin := "https://" + host
					var names []string
					for _, k := range kinds {
						names = append(names, k.name)
					}
					sid := v.signIn(origin)
					pages := []string{origin + "/", origin + "/admin/state"}
					seen := v.stateAt(pages[1]).Cookies
					for _, name := range names {
						if !slices.Contains(seen, name) {
							t.Fatalf("the browser never had %s: %v", name, seen)
						}
					}
					v.fillStorage()

					v.goTo(origin + "/admin/home")
					v.click("#out")
					v.onTitle("state") // at /admin/elsewhere

					if alive(t, app.url, "sid", sid) {
						t.Error("the app still honours the session")
					}
					v.wantNoCookies(names, pages...)
					kept := v.stateAt(origin + "/").Cookies
					if !slices.Contains(kept, "device_sid") {
						t.Errorf("keep_cookies was not kept: %v", kept)
					}
					if !slices.Contains(kept, "theme") {
						t.Errorf("a cookie that is no session is gone: %v", kept)
					}
					v.wantNothingStored(origin + "/")
				}
			})
		})
	}
}
