package dashboard

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxExports bounds the exports that run at once: each holds a connection of
	// the store for as long as its client takes to read. More are refused.
	maxExports = 4

	// writeLimit is how long a client may take no bytes before it is given up.
	writeLimit = 15 * time.Second

	exportBuffer = 64 << 10 // bytes between two writes
)

// jsonLines is the media type of most exports.
const jsonLines = "application/x-ndjson"

// export writes an answer as it comes, mostly JSON lines. Nothing is kept
// but one buffer, however long the range.
type export struct {
	w       http.ResponseWriter
	media   string
	control *http.ResponseController
	buf     *bufio.Writer
	enc     *json.Encoder
	begun   bool
}

// startExport waits for no one: with maxExports under way it refuses. The caller
// must call the release that it gives.
func (d *Dashboard) startExport(w http.ResponseWriter) (e *export, release func(), err error) {
	select {
	case d.exports <- struct{}{}:
	default:
		return nil, nil, refuse(http.StatusServiceUnavailable, "busy", "Others are exporting right now. Try again in a moment.")
	}
	if seen, ok := w.(*statusWriter); ok {
		seen.endless = true
	}
	e = &export{w: w, media: jsonLines, control: http.NewResponseController(w)}
	e.buf = bufio.NewWriterSize(limited{e}, exportBuffer)
	e.enc = json.NewEncoder(e.buf)
	return e, func() { <-d.exports }, nil
}

// line writes one value.
func (e *export) line(v any) error { return e.enc.Encode(v) }

// finish ends the export. After err, an answer that had not begun becomes an
// error's, and one that had is broken off, so that the client sees it is not whole.
func (e *export) finish(err error) error {
	if err == nil {
		e.begin()
		err = e.buf.Flush()
	}
	if err != nil && e.begun {
		return fmt.Errorf("%w: %w", errAborted, err)
	}
	return err
}

func (e *export) begin() {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", e.media)
	}
}

// limited gives each write of an export its time.
type limited struct{ e *export }

func (l limited) Write(b []byte) (int, error) {
	l.e.begin()
	_ = l.e.control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it is not supported, there is none
	return l.e.w.Write(b)
}
