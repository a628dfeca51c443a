package appcall

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestBufferBody: the app gets every byte of a body, whatever its length;
// those beyond 64 KiB are begun, and not read for us.
func TestBufferBody(t *testing.T) {
	for _, size := range []int{0, 1, maxBufferedBody - 1, maxBufferedBody, maxBufferedBody + 1, 1 << 20} {
		sent := strings.Repeat("a", size)
		for _, peeks := range []bool{false, true} {
			r := httptest.NewRequest(http.MethodPost, "https://app.example.com/logout", strings.NewReader(sent))
			var body []byte
			whole := size <= maxBufferedBody
			if peeks {
				var isWhole bool
				if body, isWhole, _ = PeekBody(httptest.NewRecorder(), r, time.Second); isWhole != whole {
					t.Errorf("%d bytes: whole %v", size, isWhole)
				}
			} else {
				body, _ = BufferBody(httptest.NewRecorder(), r, time.Second)
			}
			want := sent
			if !whole && peeks {
				want = sent[:maxBufferedBody+1]
			} else if !whole {
				want = ""
			}
			if string(body) != want {
				t.Errorf("%d bytes: read %d, want %d", size, len(body), len(want))
			}
			if got, err := io.ReadAll(r.Body); err != nil || string(got) != sent {
				t.Errorf("%d bytes: the app gets %d, %v", size, len(got), err)
			}
		}
	}
}

// TestDetachedBody: nobody reads on from the browser then, half a body does not
// look whole, and what broke off says so.
func TestDetachedBody(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "https://app.example.com/logout", strings.NewReader(strings.Repeat("a", 1<<20)))
	_, detach := BufferBody(httptest.NewRecorder(), r, time.Second)
	detach()
	if got, err := io.ReadAll(r.Body); err != io.ErrUnexpectedEOF || len(got) != maxBufferedBody+1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r = httptest.NewRequest(http.MethodPost, "https://app.example.com/logout", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc"))))
	if body, _ := BufferBody(httptest.NewRecorder(), r, time.Second); body != nil {
		t.Errorf("half a body is %q", body)
	}
	if got, err := io.ReadAll(r.Body); err != iotest.ErrTimeout || string(got) != "a" {
		t.Errorf("%q, %v", got, err)
	}
}
