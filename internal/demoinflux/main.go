// Command demoinflux runs another command on an InfluxDB of its own:
//
//	demoinflux bin/sitwell demo [flags]
//
// It starts the InfluxDB that `make influxd` has put into the user's cache, with its data
// in the folder influxdb of the command's --data, or in a temporary one, sets it up where
// it is new, and runs the command with --influx, --influx-org and --influx-token-file
// behind its arguments. The server ends after the command, whose exit code is that of
// demoinflux. A Ctrl-C reaches the command by the terminal; SIGTERM is passed on.
//
// Made for `make demo-influx`: it needs the standard library alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sitwell/internal/influxd"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	code, err := run(os.Args[1:], signals, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demoinflux:", err)
	}
	os.Exit(code)
}

// run does it all. The code is what the process should exit with; the error says what
// went wrong beside the command.
func run(args []string, signals <-chan os.Signal, out, errs io.Writer) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("usage: demoinflux COMMAND [ARGUMENT...]")
	}
	path, ok := influxd.Path()
	if !ok {
		return 1, fmt.Errorf("no InfluxDB at %s: make influxd gets one", path)
	}
	dir, temporary, err := folder(args)
	if err != nil {
		return 1, err
	}
	if temporary {
		defer func() { _ = os.RemoveAll(dir) }()
	}
	server, err := influxd.Start(influxd.Options{Path: path, Dir: dir, Temporary: temporary})
	if err != nil {
		return 1, err
	}
	defer server.Stop()
	token, err := ours(server)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(errs, "InfluxDB %s listens on %s, its data is in %s\n", influxd.Version, server.URL(), dir)
	args = append(slices.Clip(args), "--influx", server.URL(), "--influx-org", org, "--influx-token-file", token)
	return command(args, signals, out, errs)
}

// folder is where the server has its data: beside the command's, so that the two go
// together.
func folder(args []string) (dir string, temporary bool, err error) {
	for i, a := range args {
		data, ok := strings.CutPrefix(a, "--data=")
		if a == "--data" && i+1 < len(args) {
			data, ok = args[i+1], true
		}
		if ok && data != "" {
			if dir, err = filepath.Abs(filepath.Join(data, "influxdb")); err != nil {
				return "", false, fmt.Errorf("find the folder %s: %w", data, err)
			}
			return dir, false, nil
		}
	}
	if dir, err = os.MkdirTemp("", "sitwell-influxdb-"); err != nil {
		return "", false, fmt.Errorf("make a temporary folder for InfluxDB: %w", err)
	}
	return dir, true, nil
}

// command runs the command to its end.
func command(args []string, signals <-chan os.Signal, out, errs io.Writer) (int, error) {
	//nolint:gosec // the arguments are the caller's, who could run the command as well
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, errs
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("run %s: %w", args[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		case err := <-done:
			var exit *exec.ExitError
			switch {
			case errors.As(err, &exit):
				return max(exit.ExitCode(), 1), nil
			case err != nil:
				return 1, fmt.Errorf("run %s: %w", args[0], err)
			}
			return 0, nil
		}
	}
}
