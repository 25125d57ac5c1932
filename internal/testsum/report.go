package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json (see go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that is being built
	Test       string // empty for the package itself
	Output     string
}

type key struct{ pkg, test string }

type skipped struct{ name, reason string }

// report turns events into lines and keeps what the end needs.
type report struct {
	out     io.Writer
	logs    bool
	running map[key]*strings.Builder // output until the test has ended
	parents map[key]bool             // tests that have subtests: not counted themselves
	failing map[key]bool             // parents a subtest of which failed
	faulty  map[string]bool          // packages a test of which failed
	skips   []skipped
	passed  int
	failed  int
}

func newReport(out io.Writer, logs bool) *report {
	return &report{
		out:     out,
		logs:    logs,
		running: map[key]*strings.Builder{},
		parents: map[key]bool{},
		failing: map[key]bool{},
		faulty:  map[string]bool{},
	}
}

// read consumes events until the stream ends. A line that is no event, as some
// versions of go write for a build that failed, is passed through.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line)
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events of go test: %w", err)
		}
	}
}

func (r *report) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
			r.parents[key{e.Package, e.Test[:i]}] = true
		}
	case "output":
		r.keep(k, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(k, e.Action)
		} else {
			r.endTest(k, e.Action)
		}
	}
}

// keep holds a test's output back until it is known whether it is of interest.
// A package's own verdict goes out at once.
func (r *report) keep(k key, text string) {
	if k.test == "" && isVerdict(text) {
		fmt.Fprint(r.out, text)
		return
	}
	b := r.running[k]
	if b == nil {
		b = &strings.Builder{}
		r.running[k] = b
	}
	b.WriteString(text)
}

func isVerdict(line string) bool {
	for _, p := range []string{"ok  \t", "FAIL\t", "---\t"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

func (r *report) endTest(k key, action string) {
	text := ""
	if b := r.running[k]; b != nil {
		text = b.String()
		delete(r.running, k)
	}
	switch action {
	case "fail":
		fmt.Fprint(r.out, text)
		if !r.failing[k] {
			r.failed++
			r.faulty[k.pkg] = true
		}
		if i := strings.LastIndexByte(k.test, '/'); i > 0 {
			r.failing[key{k.pkg, k.test[:i]}] = true
		}
	case "skip":
		r.skip(k.pkg+"."+k.test, reasonOf(text))
	case "pass":
		if !r.parents[k] {
			r.passed++
		}
		if r.logs {
			for _, line := range logged(text) {
				fmt.Fprintf(r.out, "  %s: %s\n", k.test, line)
			}
		}
	}
}

// endPackage prints what is left of a package that failed: the output of its
// own and that of tests that never ended, as after a panic.
func (r *report) endPackage(k key, action string) {
	for running, b := range r.running {
		if running.pkg != k.pkg {
			continue
		}
		if action == "fail" {
			fmt.Fprint(r.out, b.String())
			if running.test != "" {
				r.failed++
				r.faulty[k.pkg] = true
			}
		}
		delete(r.running, running)
	}
	if action == "fail" && !r.faulty[k.pkg] {
		r.failed++ // it failed outside a test, for example to build
	}
}

func (r *report) skip(name, reason string) {
	if reason == "" {
		reason = "no reason given"
	}
	r.skips = append(r.skips, skipped{name, reason})
}

// reasonOf takes t.Skip's words out of a test's output.
func reasonOf(text string) string { return strings.Join(logged(text), " ") }

// logged is the lines of a test's output that do not speak of the test's course,
// without the place they were written at.
func logged(text string) []string {
	var words []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = rest
		}
		words = append(words, line)
	}
	return words
}

// finish lists the skips and prints the totals. It returns the number of skips
// that are not allowed, which is 0 unless the options ask.
func (r *report) finish(o options) int {
	refused := 0
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "\nSkipped:")
	}
	for _, s := range r.skips {
		note := ""
		if o.failOnSkip && !allowed(s.reason, o.allow) {
			refused++
			note = "  <- not allowed here"
		}
		fmt.Fprintf(r.out, "  %s: %s%s\n", s.name, s.reason, note)
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skips))
	if refused > 0 {
		fmt.Fprintf(r.out, "FAIL: %d skipped for a reason other than %s\n", refused, strings.Join(o.allow, ", "))
	}
	return refused
}

func allowed(reason string, words []string) bool {
	for _, w := range words {
		if w != "" && strings.Contains(strings.ToLower(reason), strings.ToLower(w)) {
			return true
		}
	}
	return false
}
