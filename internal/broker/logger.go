package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
)

// logger passes the server's own lines on, and notes in wedged what it says
// nowhere else: that a stream met a write error, as on a full disk. Such a
// stream answers no publish until the server is started anew, even after there
// is room again; the others may go on.
//
// Lines about clients that are refused because nobody is admitted yet are for
// debugging only: at a restart there are two for each device and attempt. Admit
// says how many there were.
type logger struct {
	log              *slog.Logger
	wedged, admitted *atomic.Bool
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
	level := slog.LevelWarn
	if !l.admitted.Load() && refusal(fmt.Sprintf(format, v...)) {
		level = slog.LevelDebug
	}
	l.say(level, format, v)
}

// refusal reports whether a line is about a client without sitwell's own name that was
// not let in; one with that name has a wrong secret, which nobody waits to be over.
func refusal(line string) bool {
	const refused, by = "authentication error", " - User "
	line, name, named := strings.Cut(line, refused+by)
	return named && name != strconv.Quote(user) || !named && strings.HasSuffix(line, refused)
}

func (l logger) say(level slog.Level, format string, v []any) {
	line := fmt.Sprintf(format, v...)
	if strings.Contains(line, writeError) {
		l.wedged.Store(true)
	}
	l.log.Log(context.Background(), level, "broker", "line", line)
}
