package browser

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A command is a program to run for as long as the browser lives.
type command struct {
	name string
	apt  string // Debian's package of it
	args []string
	env  []string // added to this process's
	pipe *os.File // becomes file descriptor 3
}

// run starts a program and has Close end it. What it prints is kept for the error message of a failed start only.
func (b *Browser) run(c command) error {
	path, err := lookPath(c.name, c.apt)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	if c.pipe != nil {
		cmd.ExtraFiles = []*os.File{c.pipe}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	b.cleanups = append(b.cleanups, func() { end(cmd.Process, ended) })
	return nil
}

// end asks a process to end and kills it if it does not.
func end(p *os.Process, ended <-chan struct{}) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(endTimeout):
		p.Kill()
		<-ended
	}
}

// killChromium kills the Chromium that still uses a profile. The profile's lock is a link to "<host>-<pid>"; it may have
// outlived its process, so the pid counts only if that process was started with this profile.
func killChromium(profile string) {
	lock, err := os.Readlink(filepath.Join(profile, "SingletonLock"))
	if err != nil {
		return // it ended by itself
	}
	pid, err := strconv.Atoi(lock[strings.LastIndexByte(lock, '-')+1:])
	if err != nil {
		return
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(args, []byte("--user-data-dir="+profile)) {
		return
	}
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
	}
}

// lookPath finds a program or says which package has it: a browser that is missing must fail the tests, not shorten them.
func lookPath(name, apt string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", missing(name, apt)
	}
	return path, nil
}

func missing(name, apt string) error {
	return fmt.Errorf("%s is not installed: apt-get install %s", name, apt)
}

// freePort returns a loopback port that nobody listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dial connects to a process that is starting.
func dial(addr string) (net.Conn, error) {
	for end := time.Now().Add(startTimeout); ; time.Sleep(pollInterval) {
		conn, err := net.Dial("tcp", addr)
		if err == nil || time.Now().After(end) {
			return conn, err
		}
	}
}

// removeAll removes a profile. A browser's last helper process may still be writing when the browser has gone, hence
// several tries.
func removeAll(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(pollInterval)
	}
}
