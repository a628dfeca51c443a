package universallogout

import (
	"fmt"
	"net"
	"testing"
)

// TestTakenPortIsNamed: in one sentence, for TCP and for UDP.
func TestTakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, port := range []int{l.Addr().(*net.TCPAddr).Port, c.LocalAddr().(*net.UDPAddr).Port} {
		want := fmt.Sprintf("port %d is taken by another program: end it, then run the tests again", port)
		if err := portsTaken(port); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
