package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// fields are what a line says, for programs.
type fields map[string]any

// Console prints lines for people, or with JSON one object for each.
// It is safe for concurrent use.
type Console struct {
	mu   sync.Mutex // guards out and open
	out  io.Writer
	json bool
	bar  bool // progress bars may be drawn
	open *progressbar.ProgressBar
}

// NewConsole prints to out, as JSON or as text, with progress bars where out is
// a terminal.
func NewConsole(out io.Writer, asJSON, terminal bool) *Console {
	return &Console{out: out, json: asJSON, bar: terminal && !asJSON}
}

// Line prints one event. Text lines carry the time of day.
func (c *Console) Line(event string, f fields, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.open != nil {
		_ = c.open.Clear() // a line does not share its row with a bar
	}
	if !c.json {
		// A person cannot be told that the console is gone.
		_, _ = fmt.Fprintln(c.out, text(event, now, fmt.Sprintf(format, args...)))
		return
	}
	line := map[string]any{"event": event, "time": now.UTC()}
	maps.Copy(line, f)
	b, err := json.Marshal(line)
	if err != nil {
		b = fmt.Appendf(nil, `{"event":"error","message":%q}`, err.Error())
	}
	_, _ = fmt.Fprintf(c.out, "%s\n", b)
}

// timed are the events that happen to somebody at a time; their lines begin
// with a word of eight columns.
func text(event string, now time.Time, line string) string {
	const column = 8
	switch event {
	case "nudge", "corrected", "break", "reply", "held", "ambiguous", "offline", "buffer", "kill", "back", "fell", "so_far", "joined", "alone", "takeover", "spread", "proof":
		return line[:column] + now.Format("15:04:05") + "  " + line[column:]
	}
	return line
}

// Progress shows how far history has come, by its event time.
type Progress struct {
	console    *Console
	bar        *progressbar.ProgressBar
	title      string
	start, end time.Time
	readings   int64
	said       time.Time
}

// steps is the resolution of a progress bar.
const steps = 1000

// Progress starts a bar from start to end of event time. It belongs to one
// goroutine. Where no bar can be drawn it prints a line now and then.
func (c *Console) Progress(title string, start, end time.Time) *Progress {
	p := &Progress{console: c, title: title, start: start, end: end, said: time.Now()}
	if c.bar {
		p.bar = progressbar.NewOptions(steps, progressbar.OptionSetWriter(c.out), progressbar.OptionSetDescription(title),
			progressbar.OptionSetWidth(40), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open = p.bar
	}
	return p
}

// Add says that readings up to an event time went out.
func (p *Progress) Add(readings int, at time.Time) {
	p.readings += int64(readings)
	part := min(1, at.Sub(p.start).Seconds()/p.end.Sub(p.start).Seconds())
	switch {
	case p.bar != nil:
		_ = p.bar.Set(int(part * steps)) // a bar that cannot be drawn is no reason to stop
		p.bar.Describe(fmt.Sprintf("%s, %s readings", p.title, thousands(p.readings)))
	case time.Since(p.said) > 5*time.Second:
		p.said = time.Now()
		p.console.Line("progress", fields{"part": part, "readings": p.readings},
			"%s: %3.0f %%, %s readings", p.title, part*100, thousands(p.readings))
	}
}

// Done removes the bar.
func (p *Progress) Done() {
	if p.bar != nil {
		p.console.mu.Lock()
		defer p.console.mu.Unlock()
		p.console.open = nil
		_ = p.bar.Finish()
	}
}

// thousands groups a number's digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}
