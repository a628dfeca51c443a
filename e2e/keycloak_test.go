//go:build keycloak

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// keycloak is one Keycloak for all tests of a run, with a realm for each of them. It says https://<the test's own host> in
// its issuer because Caddy tells it by X-Forwarded-Host.
var keycloak = realOP{
	name:      "keycloak",
	start:     addRealm,
	loginForm: "#kc-form-login #password",
	signIn: func(v *visitor) {
		v.must(v.Type("#username", "alice"), "typing the name")
		v.must(v.Type("#password", "wonderland"), "typing the password")
		v.click("#kc-login")
	},
	confirm:   "#kc-logout",
	signedOut: "#kc-info-message",
}

func init() { realOPs = append(realOPs, keycloak) }

const keycloakStartTimeout = 3 * time.Minute

type keycloakServer struct {
	addr     string
	admin    string // the password of a temporary administrator
	pipe     io.Closer
	ended    chan struct{}
	log      *os.File
	stopOnce sync.Once
}

// theKeycloak starts at its first use.
var theKeycloak = sync.OnceValues(startKeycloak)

func startKeycloak() (*keycloakServer, error) {
	// It is there already if scripts/install-keycloak.sh ran before; otherwise this takes a while.
	out, err := exec.Command(filepath.Join("..", "scripts", "install-keycloak.sh")).Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return nil, fmt.Errorf("installing Keycloak: %w", err)
	}
	home, javaHome, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if !ok {
		return nil, fmt.Errorf("scripts/install-keycloak.sh said %q", out)
	}
	port, err := unusedPort()
	if err != nil {
		return nil, err
	}
	k := &keycloakServer{addr: fmt.Sprintf("127.0.0.1:%d", port), admin: rand.Text(), ended: make(chan struct{})}
	if k.log, err = os.Create(filepath.Join(workDir, "keycloak.log")); err != nil {
		return nil, err
	}
	// kc.sh, and the Java that it starts, end with the pipe to them: also if this process ends in a way that defers nothing.
	cmd := exec.Command("sh", "-c", `{ "$@" </dev/null; kill -KILL 0; } & cat; kill -KILL 0`, "sh",
		filepath.Join(home, "bin", "kc.sh"), "start", "--optimized", "--cache=local",
		"--http-enabled=true", "--http-host=127.0.0.1", fmt.Sprintf("--http-port=%d", port),
		"--hostname-strict=false", "--proxy-headers=xforwarded")
	cmd.Env = append(os.Environ(), "JAVA_HOME="+javaHome, "JAVA_OPTS_KC_HEAP=-Xms128m -Xmx512m",
		"KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD="+k.admin)
	cmd.Stdout, cmd.Stderr = k.log, k.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // "kill 0" means this group
	if k.pipe, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(k.ended)
	}()
	atExit = append(atExit, k.stop)
	for end := time.Now().Add(keycloakStartTimeout); time.Now().Before(end); {
		response, err := http.Get("http://" + k.addr + "/realms/master/.well-known/openid-configuration")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return k, k.warmUp()
			}
		}
		select {
		case <-k.ended:
			return nil, fmt.Errorf("the Keycloak under test ended: %s", k.said())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("the Keycloak under test did not start in %v: %s", keycloakStartTimeout, k.said())
}

// warmUp opens a login page: Keycloak's first one takes it longer than a test waits for a page.
func (k *keycloakServer) warmUp() error {
	client := &http.Client{Timeout: time.Minute}
	response, err := client.Get("http://" + k.addr + "/realms/master/protocol/openid-connect/auth?" + url.Values{
		"client_id": {"security-admin-console"}, "redirect_uri": {"http://" + k.addr + "/admin/master/console/"},
		"response_type": {"code"}, "scope": {"openid"}, "code_challenge_method": {"S256"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())},
	}.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && !bytes.Contains(page, []byte("kc-login")) {
		err = fmt.Errorf("its login page is none: status %d", response.StatusCode)
	}
	return err
}

// stop ends Keycloak. It has nothing to save: its database is in memory.
func (k *keycloakServer) stop() {
	k.stopOnce.Do(func() {
		k.pipe.Close()
		<-k.ended
		k.log.Close()
	})
}

// said returns the end of its log.
func (k *keycloakServer) said() string {
	all, err := os.ReadFile(k.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(all[max(0, len(all)-4000):])
}

// addRealm makes a realm with these clients and one user.
func addRealm(t *testing.T, host string, clients []client) (issuer, addr string) {
	t.Helper()
	k, err := theKeycloak()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Keycloak's log:\n%s", k.said())
		}
	})
	realm := "lab-" + strings.ReplaceAll(host, ".", "-")
	settings := map[string]any{
		"realm": realm, "enabled": true,
		"users": []any{map[string]any{
			"username": "alice", "enabled": true, "email": "alice@example.com", "emailVerified": true,
			"firstName": "Alice", "lastName": "Liddell",
			"credentials": []any{map[string]any{"type": "password", "value": "wonderland", "temporary": false}},
			"realmRoles":  []string{"default-roles-" + realm}, // offline_access is among them
		}},
	}
	var all []any
	for _, c := range clients {
		all = append(all, clientSettings(t, c))
	}
	settings["clients"] = all
	k.asAdmin(t, "/admin/realms", settings)
	return "https://" + host + "/realms/" + realm, k.addr
}

// clientSettings are those that docs/keycloak.md recommends, with the test's own names and addresses.
func clientSettings(t *testing.T, c client) map[string]any {
	t.Helper()
	file := "app.json"
	if c.id == "universal-logout" || c.id == "unregistered" {
		file = "universal-logout.json"
	}
	text, err := os.ReadFile(filepath.Join("keycloak", file))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{}
	if err := json.Unmarshal(text, &settings); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	attributes := settings["attributes"].(map[string]any)
	settings["clientId"], settings["secret"], settings["redirectUris"] = c.id, c.secret, c.redirectURIs
	attributes["post.logout.redirect.uris"] = strings.Join(c.postLogoutRedirectURIs, "##")
	if len(c.postLogoutRedirectURIs) == 0 {
		delete(attributes, "post.logout.redirect.uris")
	}
	if c.idTokenLifetime > 0 {
		attributes["access.token.lifespan"] = fmt.Sprintf("%.0f", c.idTokenLifetime.Seconds()) // the ID token's too
	}
	return settings
}

// asAdmin posts JSON to Keycloak's admin API.
func (k *keycloakServer) asAdmin(t *testing.T, path string, body any) {
	t.Helper()
	response, err := http.PostForm("http://"+k.addr+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {k.admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&token); err != nil || token.Access == "" {
		t.Fatalf("Keycloak's administrator got no token: status %d, %v", response.StatusCode, err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+k.addr+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token.Access)
	made, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Body.Close()
	if made.StatusCode != http.StatusCreated {
		why, _ := io.ReadAll(io.LimitReader(made.Body, 1000))
		t.Fatalf("POST %s: status %d: %s", path, made.StatusCode, why)
	}
}
