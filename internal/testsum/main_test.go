package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module writes a module of one package with the given test file and enters it.
func module(t *testing.T, test string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":    "module sample\n\ngo 1.26.0\n",
		"s_test.go": "package sample\n\nimport \"testing\"\n\n" + test,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOWORK", "off")
}

func TestRun(t *testing.T) {
	const skips = `
func TestGood(t *testing.T) { t.Log("dropped output") }
func TestParent(t *testing.T) {
	t.Run("a", func(t *testing.T) { t.Skip("recordings are absent") })
	t.Run("b", func(t *testing.T) {})
}
`
	tests := []struct {
		name string
		test string
		opts options
		code int
		want []string
		not  []string
	}{
		{
			name: "skips are listed with their reason",
			test: skips,
			want: []string{
				"ok  \tsample\t",
				"  sample.TestParent/a: recordings are absent\n",
				"  the page: npm is not installed\n",
				"\n2 passed, 0 failed, 2 skipped\n",
			},
			opts: options{absent: []string{"the page: npm is not installed"}},
			not:  []string{"dropped output"},
		},
		{
			name: "what is logged is shown if asked for",
			test: skips,
			opts: options{logs: true},
			want: []string{"  TestGood: dropped output\n", "\n2 passed, 0 failed, 1 skipped\n"},
		},
		{
			name: "an allowed reason is no failure",
			test: skips,
			opts: options{failOnSkip: true, allow: []string{"Docker", "Recordings"}},
			not:  []string{"not allowed"},
		},
		{
			name: "another one is",
			test: skips,
			opts: options{failOnSkip: true, allow: []string{"Docker"}},
			code: 1,
			want: []string{"recordings are absent  <- not allowed here", "FAIL: 1 skipped for a reason other than Docker"},
		},
		{
			name: "a failing test is printed in full and counted once",
			test: `
func TestParent(t *testing.T) {
	t.Run("a", func(t *testing.T) { t.Error("the angle is wrong") })
	t.Run("b", func(t *testing.T) {})
}`,
			code: 1,
			want: []string{"FAIL\tsample\t", "the angle is wrong", "\n1 passed, 1 failed, 0 skipped\n"},
		},
		{
			name: "a panic",
			test: `func TestBad(t *testing.T) { panic("boom") }`,
			code: 1,
			want: []string{"boom", "FAIL\tsample\t", "0 passed, 1 failed, 0 skipped"},
		},
		{
			name: "a package that does not build",
			test: `func TestBad(t *testing.T) { undefined() }`,
			code: 1,
			want: []string{"undefined: undefined", "FAIL\tsample", "0 passed, 1 failed, 0 skipped"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			module(t, tt.test)
			var out, errs bytes.Buffer
			code, err := run(t.Context(), tt.opts, &out, &errs)
			if err != nil {
				t.Fatal(err)
			}
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("output lacks %q", w)
				}
			}
			for _, n := range tt.not {
				if strings.Contains(out.String(), n) {
					t.Errorf("output has %q", n)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s%s", &out, &errs)
			}
		})
	}
}

func TestParse(t *testing.T) {
	var errs bytes.Buffer
	o, err := parse([]string{"-fail-on-skip", "-allow", "a,b", "-absent", "", "-absent", "x: y", "--", "-race", "./..."}, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if !o.failOnSkip || len(o.allow) != 2 || len(o.absent) != 1 || strings.Join(o.args, " ") != "-race ./..." {
		t.Errorf("parsed %+v", o)
	}
	if _, err := parse([]string{"-bogus"}, &errs); err == nil {
		t.Error("an unknown flag is taken")
	}
}
