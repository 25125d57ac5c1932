package cluster

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// output gives the children one writer: whole lines, each behind its part's name.
type output struct {
	mu sync.Mutex // guards to
	to io.Writer  // nil drops all
}

// line is one child's share of the output. It belongs to the goroutine that reads
// the child.
type line struct {
	out  *output
	name string
	rest []byte // of a line that is not whole yet, at most longestLine
}

const longestLine = 64 << 10

func (o *output) of(name string) io.Writer { return &line{out: o, name: name} }

// Write passes whole lines on. It never fails: a child must not stop because
// nobody reads what it says.
func (l *line) Write(b []byte) (int, error) {
	l.out.mu.Lock() // stdout and stderr come from two goroutines
	defer l.out.mu.Unlock()
	if l.out.to == nil {
		return len(b), nil
	}
	l.rest = append(l.rest, b...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < longestLine {
			return len(b), nil
		}
		if i < 0 {
			i = len(l.rest) - 1
		}
		_, _ = l.out.to.Write(append([]byte(l.name+": "), l.rest[:i+1]...))
		l.rest = l.rest[i+1:]
	}
}

// tail keeps the end of what a child said, tailBytes of it.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

const tailBytes = 2000

// Write keeps the end.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

// String is the end of what was said.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
