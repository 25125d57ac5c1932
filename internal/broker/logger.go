package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// logger passes the server's own lines on, and notes in wedged what it says
// nowhere else: that a stream met a write error, as on a full disk. Such a
// stream answers no publish until the server is started anew, even after there
// is room again; the others may go on.
type logger struct {
	log    *slog.Logger
	wedged *atomic.Bool
}

// writeError is how the server's line about it goes; a test on a full disk holds on to it.
const writeError = "ritical write error"

func (l logger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l logger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l logger) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l logger) Debugf(string, ...any)           {}
func (l logger) Tracef(string, ...any)           {}

// Errorf is mostly about a client.
func (l logger) Errorf(format string, v ...any) {
	l.say(slog.LevelWarn, format, v)
}

func (l logger) say(level slog.Level, format string, v []any) {
	line := fmt.Sprintf(format, v...)
	if strings.Contains(line, writeError) {
		l.wedged.Store(true)
	}
	l.log.Log(context.Background(), level, "broker", "line", line)
}
