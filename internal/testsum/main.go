// Testsum runs go test and says at the end which tests were skipped and why.
//
//	go run ./internal/testsum [flags] -- [arguments of go test]
//
// The packages' own lines ("ok", "FAIL") pass through as they come; a failing
// test's output is printed in full and a passing one's is dropped, but for what
// it logs where -logs asks for that. Then each
// skipped test follows with its reason, and last the totals. The exit code is
// go test's, or 1 where -fail-on-skip meets a skip whose reason has none of the
// words of -allow. Made for the Makefile: it needs the standard library alone.
//
// One goroutine reads the events, so nothing here is safe for concurrent use.
// Its memory is bounded by the output of the tests that are running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

type options struct {
	failOnSkip bool
	allow      []string // words, one of which a reason must have
	absent     []string // what the caller could not run at all, "name: reason"
	logs       bool     // print what passing tests log
	args       []string // for go test
}

func main() {
	opts, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // the flag set has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, opts, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	os.Exit(code)
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("testsum", flag.ContinueOnError)
	set.SetOutput(errs)
	set.BoolVar(&o.failOnSkip, "fail-on-skip", false, "exit 1 if a test is skipped for a reason that is not allowed")
	set.Func("allow", "comma-separated words; a skip is allowed if its reason has one of them", func(s string) error {
		o.allow = append(o.allow, strings.Split(s, ",")...)
		return nil
	})
	set.Func("absent", "a skip of the caller's own, as \"name: reason\"; empty for none", func(s string) error {
		if s != "" {
			o.absent = append(o.absent, s)
		}
		return nil
	})
	set.BoolVar(&o.logs, "logs", false, "print what passing tests log, such as figures they measured")
	err := set.Parse(args)
	o.args = set.Args()
	return o, err
}

// run runs go test and reports on it. The code is what the process should exit
// with; the error says what went wrong beyond failing tests.
func run(ctx context.Context, o options, out, errs io.Writer) (int, error) {
	//nolint:gosec // the arguments are the caller's, who could run go test as well
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, o.args...)...)
	cmd.Stderr = errs
	// A Ctrl-C reaches go test by the terminal; it then ends by itself.
	cmd.Cancel = func() error { return nil }
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, fmt.Errorf("open pipe to go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("start go test: %w", err)
	}
	r := newReport(out, o.logs)
	readErr := r.read(events)
	waitErr := cmd.Wait()
	for _, a := range o.absent {
		name, reason, _ := strings.Cut(a, ":")
		r.skip(name, strings.TrimSpace(reason))
	}
	refused := r.finish(o)

	var exit *exec.ExitError
	switch {
	case errors.As(waitErr, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), readErr
	case waitErr != nil:
		return 1, fmt.Errorf("run go test: %w", waitErr)
	case readErr != nil || refused > 0:
		return 1, readErr
	}
	return 0, nil
}
