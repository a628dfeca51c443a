package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// panva is node-oidc-provider. It has no consent page here and asks about a logout only if there is no hint.
var panva = realOP{
	name:      "panva",
	start:     startPanva,
	loginForm: "form#login",
	signIn: func(v *visitor) {
		v.must(v.Type("input[name=login]", "alice"), "typing the name")
		v.must(v.Type("input[name=password]", "wonderland"), "typing the password")
		v.click("form#login button")
	},
	confirm:   "button#yes",
	signedOut: "#signed-out",
	offline:   true,
}

// startPanva starts the provider in panva/ and returns its issuer and its own address.
func startPanva(t *testing.T, host string, clients []client) (issuer, addr string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("panva", "node_modules")); err != nil {
		t.Fatal("the provider's modules are not installed: run scripts/install-test-tools.sh")
	}
	type metadata struct {
		ID                     string   `json:"client_id"`
		Secret                 string   `json:"client_secret"`
		AuthMethod             string   `json:"token_endpoint_auth_method"`
		RedirectURIs           []string `json:"redirect_uris"`
		PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
		GrantTypes             []string `json:"grant_types"`
		IDTokenLifetime        float64  `json:"id_token_lifetime,omitempty"`
	}
	issuer = "https://" + host
	config := struct {
		Issuer  string     `json:"issuer"`
		Clients []metadata `json:"clients"`
	}{Issuer: issuer}
	for _, c := range clients {
		config.Clients = append(config.Clients, metadata{
			c.id, c.secret, "client_secret_post", c.redirectURIs, c.postLogoutRedirectURIs,
			[]string{"authorization_code", "refresh_token"},
			c.idTokenLifetime.Seconds(),
		})
	}
	input, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = "panva"
	stdin, err := cmd.StdinPipe() // open for as long as the provider is needed
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install Node.js 20 or newer", err)
	}
	fmt.Fprintf(stdin, "%s\n", input)
	ready, ended := make(chan string, 1), make(chan struct{})
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- line
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		stdin.Close()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("the provider's log:\n%s", stderr.String())
		}
	})
	select {
	case line := <-ready:
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok {
			t.Fatal("the provider did not start")
		}
		return issuer, addr
	case <-time.After(startTimeout):
		t.Fatal("the provider did not start in time")
		return "", ""
	}
}
