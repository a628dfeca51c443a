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
	final   func(status int, hdr http.Header)
	changes bool
	over    atomic.Bool // early hints come from other goroutines
}

// New returns a writer that calls change with the header. What is set afterwards
// does not go out.
func New(w http.ResponseWriter, change func(hdr http.Header)) *Writer {
	f := Watch(w, func(_ int, hdr http.Header) { change(hdr) })
	f.changes = true
	return f
}

// Watch returns a writer that calls see with the status and the header, and
// leaves the answer as it is.
func Watch(w http.ResponseWriter, see func(status int, hdr http.Header)) *Writer {
	return &Writer{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, final: see}
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
	f.begin()
	return f.ResponseWriterWrapper.Write(p)
}

// ReadFrom keeps what net/http can do with files.
func (f *Writer) ReadFrom(r io.Reader) (int64, error) {
	f.begin()
	return f.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError: a flush sends the header, without WriteHeader if need be.
func (f *Writer) FlushError() error {
	f.begin()
	return http.NewResponseController(f.ResponseWriter).Flush()
}

// begin is for what sends the header, if nobody in front keeps it back. A header
// that was changed goes out now: with what is set later it would be another one.
func (f *Writer) begin() {
	if f.changes && !f.over.Load() {
		f.WriteHeader(http.StatusOK)
		return
	}
	f.Finish()
}

// Finish is for an answer without a body, and for one that an error route is
// about to give: the header survives.
func (f *Writer) Finish() { f.finishWith(http.StatusOK) }

func (f *Writer) finishWith(status int) {
	if !f.over.Swap(true) {
		f.final(status, f.Header())
	}
}
