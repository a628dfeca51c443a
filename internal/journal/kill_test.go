package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

const (
	childDir  = "JOURNAL_TEST_DIR"
	childFrom = "JOURNAL_TEST_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// appendForever appends records and prints the number of each when it is
// acknowledged.
func appendForever(dir string) {
	from, err := strconv.Atoi(os.Getenv(childFrom))
	if err != nil {
		panic(err)
	}
	limits := standard()
	limits.segment = 500 // many ends of segments to be killed at
	j, err := openDir(context.Background(), Options{Dir: dir, Now: time.Now, Logger: zap.NewNop(), Apply: func([]Record) {}}, limits)
	if err != nil {
		panic(err)
	}
	end := time.Now().Add(lifetime)
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if err := j.Append(context.Background(), recordUntil(n, end)); err != nil {
					panic(err)
				}
				fmt.Println(n)
			}
		})
	}
	wg.Wait()
}

// child is another process that appends.
type child struct {
	*exec.Cmd
	acknowledged *bufio.Scanner
}

func startChild(t *testing.T, dir string, from int) child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFrom+"="+strconv.Itoa(from))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return child{cmd, bufio.NewScanner(out)}
}

// next waits for so many acknowledgements.
func (c child) next(t *testing.T, n int, acknowledged map[int]bool) {
	t.Helper()
	for range n {
		if !c.acknowledged.Scan() {
			t.Fatal("the process ended by itself")
		}
		c.note(t, acknowledged)
	}
}

func (c child) note(t *testing.T, acknowledged map[int]bool) {
	t.Helper()
	number, err := strconv.Atoi(c.acknowledged.Text())
	if err != nil {
		t.Fatal(err)
	}
	acknowledged[number] = true
}

// kill ends it with SIGKILL, which no process can see coming.
func (c child) kill(t *testing.T, acknowledged map[int]bool) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for c.acknowledged.Scan() { // what it had printed before
		c.note(t, acknowledged)
	}
	c.Wait()
}

func (n *node) hasAll(acknowledged map[int]bool) {
	n.l.t.Helper()
	for _, number := range n.numbers() {
		delete(acknowledged, number)
	}
	if len(acknowledged) > 0 {
		n.l.t.Errorf("%d acknowledged records are lost", len(acknowledged))
	}
}

// TestKilled in the middle of writes: no acknowledged record is lost.
func TestKilled(t *testing.T) {
	l := newLab(t)
	l.now = time.Now()
	acknowledged := make(map[int]bool)
	for round := range 8 {
		c := startChild(t, l.dir, round*1_000_000)
		c.next(t, 1+rand.IntN(4000), acknowledged)
		c.kill(t, acknowledged)
	}
	n := l.open()
	if s := n.Stats(); s.Skipped > 8 {
		t.Errorf("more is damaged than the end of a segment: %+v", s)
	}
	t.Logf("%d acknowledged, %d found", len(acknowledged), len(n.numbers()))
	n.hasAll(acknowledged)
}

// TestTwoProcesses have one directory: none is in the other's way, and the next
// one knows what both wrote.
func TestTwoProcesses(t *testing.T) {
	l := newLab(t)
	l.now = time.Now()
	acknowledged := make(map[int]bool)
	c := startChild(t, l.dir, 0)
	c.next(t, 1000, acknowledged)
	n := l.open()
	if n.Stats().Replayed < 1000 || n.Stats().Skipped != 0 {
		t.Errorf("%+v", n.Stats())
	}
	for i := range 100 {
		n.append(l.record(1_000_000 + i))
		acknowledged[1_000_000+i] = true
	}
	c.next(t, 100, acknowledged)
	n.close()
	c.kill(t, acknowledged)
	l.open().hasAll(acknowledged)
}
