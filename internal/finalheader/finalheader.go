// Package finalheader sees the header of an answer when it is final: what
// handlers behind us set is there by then, and early hints are over.
package finalheader

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Writer calls a function once, before the header goes out.
type Writer struct {
	*caddyhttp.ResponseWriterWrapper
	final func(status int, hdr http.Header)
	over  atomic.Bool // early hints come from other goroutines
}

// New returns a writer that calls final with the status and the header, which
// it may change.
func New(w http.ResponseWriter, final func(status int, hdr http.Header)) *Writer {
	return &Writer{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, final: final}
}

// WriteHeader implements http.ResponseWriter.
func (f *Writer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		f.finishWith(status)
	}
	f.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (f *Writer) Write(p []byte) (int, error) {
	f.Finish()
	return f.ResponseWriterWrapper.Write(p)
}

// ReadFrom keeps what net/http can do with files.
func (f *Writer) ReadFrom(r io.Reader) (int64, error) {
	f.Finish()
	return f.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError: a flush sends the header. Some writers in front swallow it until
// there is a status, and what is set afterwards would pass us by.
func (f *Writer) FlushError() error {
	if !f.over.Load() {
		f.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(f.ResponseWriter).Flush()
}

// Finish is for an answer without a body, and for one that an error route is
// about to give: the header survives.
func (f *Writer) Finish() { f.finishWith(http.StatusOK) }

func (f *Writer) finishWith(status int) {
	if !f.over.Swap(true) {
		f.final(status, f.Header())
	}
}
