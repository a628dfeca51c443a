package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startDjango serves the project in django/ and returns its address.
func startDjango(t *testing.T) (url string) {
	t.Helper()
	// Debian's interpreter by its full path: a python3 that comes first in PATH need not have Debian's Django.
	cmd := exec.Command("/usr/bin/python3", "-B", "serve.py") // -B: leave no __pycache__ in the repository
	cmd.Dir = "django"
	cmd.Env = append(os.Environ(), "E2E_DATABASE="+filepath.Join(t.TempDir(), "db.sqlite3"), "PYTHONDONTWRITEBYTECODE=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: apt-get install python3 python3-django", err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- line
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("Django's log:\n%s", stderr.String())
		}
	})
	select {
	case line := <-ready:
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok {
			cmd.Process.Kill()
			<-ended
			t.Fatalf("Django did not start (apt-get install python3-django):\n%s", stderr.String())
		}
		return "http://" + addr
	case <-time.After(startTimeout):
		t.Fatal("Django did not start in time")
		return ""
	}
}

// djangoSession returns the session id that the browser has for a site of Django. The cookie is HttpOnly, so only the
// driver can tell it.
func (v *visitor) djangoSession(host string) string {
	v.t.Helper()
	v.goTo("https://" + host + "/plain")
	cookies, err := v.Cookies()
	v.must(err, "reading cookies")
	for _, c := range cookies {
		if c.Name == "sessionid" && c.Domain == host {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) signInToDjango(host string) {
	v.t.Helper()
	v.goTo("https://" + host + "/admin/")
	v.must(v.Type("#id_username", "admin"), "typing the name")
	v.must(v.Type("#id_password", "admin"), "typing the password")
	v.click("input[type=submit]")
	v.waitFor(`document.querySelector("` + djangoLogout + `")`)
}

// djangoLogout is the link that Django's admin has on every page.
const djangoLogout = "#user-tools a[href='/admin/logout/']"

// A click on "Log out" in an unchanged Django admin ends the session at Django and clears the browser.
func TestLogoutFromTheDjangoAdmin(t *testing.T) {
	django := startDjango(t)
	domain := newDomain()
	stays, goesOn, www := "app."+domain, "back."+domain, "www."+domain
	site := func(more string) string {
		return fmt.Sprintf("universal_logout {\n paths /admin/logout/\n %s\n}\n reverse_proxy %s", more, strings.TrimPrefix(django, "http://"))
	}
	startCaddy(t, "allowed_return_urls https://"+www, sites{
		stays:  site(""),
		goesOn: site("return_to https://" + www + "/bye"),
		www:    "header Content-Type text/html\n respond `<!doctype html><title>bye</title>`",
	})

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range []struct {
			host    string
			arrives func()
		}{
			{stays, func() { v.onOurPage("landing") }},
			{goesOn, func() { v.onTitle("bye") }},
		} {
			v.signInToDjango(c.host)
			session := v.djangoSession(c.host)
			if session == "" || !alive(t, django, "sessionid", session) {
				t.Fatalf("no living session %q", session)
			}
			v.fillStorage()
			v.registerWorker("/worker.js")

			v.goTo("https://" + c.host + "/admin/")
			v.click(djangoLogout)
			c.arrives()

			if alive(t, django, "sessionid", session) {
				t.Error("Django still honours the old session")
			}
			v.wantNothingStored("https://" + c.host + "/plain")
			if left := v.djangoSession(c.host); left != "" {
				t.Errorf("the browser still has the session cookie %q", left)
			}
			v.goTo("https://" + c.host + "/admin/")
			v.waitFor(`document.querySelector("#id_username")`) // Django asks who it is
		}
	})
}
