package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/influxd"
)

func need(t *testing.T) {
	t.Helper()
	if path, ok := influxd.Path(); !ok {
		t.Skipf("no InfluxDB at %s: `make influxd` gets one", path)
	}
}

// ask is a command that prints its arguments and what a server says to its token.
const ask = `echo "$@"; while [ $# -gt 0 ]; do case $1 in
--influx) url=$2 ;; --influx-token-file) token=$(cat "$2") ;; esac; shift; done; echo "url $url token $token"`

func TestCommandGetsAServerThatKnowsItsToken(t *testing.T) {
	need(t)
	data := t.TempDir()
	var token, url string
	for range 2 { // the second time on what the first one left
		var out, errs bytes.Buffer
		// The command fails, so that its exit code is told from others.
		code, err := run([]string{"sh", "-c", ask + `; exit 7`, "sh", "--data", data}, nil, &out, &errs)
		if err != nil || code != 7 {
			t.Fatalf("code %d, error %v, want 7: %s", code, err, &errs)
		}
		_, rest, _ := strings.Cut(out.String(), "url ")
		now, text, _ := strings.Cut(strings.TrimSpace(rest), " token ")
		if token != "" && text != token {
			t.Errorf("another token the second time")
		}
		url, token = now, text
		if len(token) < 20 || !strings.Contains(out.String(), "--influx-org sitwell ") {
			t.Fatalf("the command was given %s", &out)
		}
		if influxd.Answers(t.Context(), url) {
			t.Error("the server still runs")
		}
	}
	info, err := os.Stat(filepath.Join(data, "influxdb", "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file is %v, %v", info, err)
	}
	// The token that was kept is the server's.
	path, _ := influxd.Path()
	s, err := influxd.Start(influxd.Options{Path: path, Dir: filepath.Join(data, "influxdb")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := influxd.Call(ctx, s.URL(), token, http.MethodGet, "/api/v2/buckets", nil, nil); err != nil {
		t.Errorf("the token: %v", err)
	}
	if err := influxd.Call(ctx, s.URL(), "another", http.MethodGet, "/api/v2/buckets", nil, nil); err == nil {
		t.Error("the server takes any token")
	}
}

func TestTemporaryFolderIsRemoved(t *testing.T) {
	need(t)
	t.Setenv("TMPDIR", t.TempDir())
	var out, errs bytes.Buffer
	if code, err := run([]string{"sh", "-c", ask}, nil, &out, &errs); err != nil || code != 0 {
		t.Fatalf("code %d, error %v: %s", code, err, &errs)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// onWrite is called when the command says something.
type onWrite func()

func (f onWrite) Write(b []byte) (int, error) {
	f()
	return len(b), nil
}

func TestTERMIsPassedOn(t *testing.T) {
	need(t)
	signals := make(chan os.Signal, 1)
	var errs bytes.Buffer
	const waits = `sleep 60 >/dev/null 2>&1 & trap "kill $!; exit 9" TERM; echo ready; wait`
	code, err := run([]string{"sh", "-c", waits}, signals, onWrite(func() { signals <- syscall.SIGTERM }), &errs)
	if err != nil || code != 9 {
		t.Errorf("code %d, error %v, want 9: %s", code, err, &errs)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Setenv(influxd.EnvPath, filepath.Join(t.TempDir(), "absent"))
	for want, args := range map[string][]string{"usage": nil, "make influxd": {"true"}} {
		var out, errs bytes.Buffer
		if code, err := run(args, nil, &out, &errs); code == 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: code %d, error %v, want one about %q", args, code, err, want)
		}
	}
}

func TestFolderIsBesideTheCommandsData(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"sitwell", "demo", "--data", dir}, {"sitwell", "demo", "--data=" + dir, "--seed", "7"}} {
		got, temporary, err := folder(args)
		if err != nil || temporary || got != filepath.Join(dir, "influxdb") {
			t.Errorf("%v: %s, %v, %v", args, got, temporary, err)
		}
	}
}
