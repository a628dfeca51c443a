package universallogout

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// finalHeader changes the header of an answer when it is final: what handlers
// behind us set is there by then, and early hints have nothing of ours.
type finalHeader struct {
	*caddyhttp.ResponseWriterWrapper
	change  func(http.Header)
	changed bool
}

func newFinalHeader(w http.ResponseWriter, change func(http.Header)) *finalHeader {
	return &finalHeader{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, change: change}
}

func (f *finalHeader) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		f.finish()
	}
	f.ResponseWriterWrapper.WriteHeader(status)
}

func (f *finalHeader) Write(p []byte) (int, error) {
	f.begin()
	return f.ResponseWriterWrapper.Write(p)
}

func (f *finalHeader) ReadFrom(r io.Reader) (int64, error) {
	f.begin()
	return f.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError keeps a flush before the first byte from passing us by.
func (f *finalHeader) FlushError() error {
	f.begin()
	return http.NewResponseController(f.ResponseWriter).Flush()
}

func (f *finalHeader) begin() {
	if !f.changed {
		f.WriteHeader(http.StatusOK)
	}
}

// finish is for an answer without a body, and for one that an error route is
// about to give: the header survives.
func (f *finalHeader) finish() {
	if !f.changed {
		f.changed = true
		f.change(f.Header())
	}
}
