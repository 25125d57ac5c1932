package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitwell/internal/erasure"
	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/internal/series/transfer"
)

// A wearer's record is exported, copied to another store, and erased.
func TestAWearersRecordIsCopiedExportedAndErased(t *testing.T) {
	r := startWithYesterday(t)
	api, nats := []string{"--api", r.HTTP()}, []string{"--nats", r.NATS()}
	dir := t.TempDir()
	exported(t, r, api, filepath.Join(dir, "anna.jsonl"))

	data, copied := r.Data(), filepath.Join(dir, "copied")
	report := answer[transfer.Report](t, r.must("series", "copy", "--from", data, "--to", copied, "--exact", "--json"))
	if report.From != report.To || report.To.Readings != 6000 || report.To.Late != 600 || report.To.Episodes == 0 {
		t.Errorf("copied: %+v", report)
	}
	if again := r.must("series", "copy", "--from", data, "--to", copied); !strings.Contains(again, "had been brought") {
		t.Errorf("copying again: %s", again)
	}
	if stats := answer[series.Stats](t, r.must("series", "stats", copied, "--json")); stats.Readings != 6000 {
		t.Errorf("the copy holds %+v", stats)
	}

	if code, _, says := run(t, append([]string{"wearer", "erase", "acme", "anna"}, nats...)...); code != 2 || !strings.Contains(says, "--yes") {
		t.Errorf("erased unasked: exit %d, %s", code, says)
	}
	c := answer[erasure.Certificate](t, r.must(append([]string{"wearer", "erase", "acme", "anna", "--yes", "--json"}, nats...)...))
	if c.Store.Readings != 6000 || c.Store.Rollups == 0 || c.Store.Findings == 0 || c.Log.Findings == 0 || len(c.Devices) != 1 {
		t.Errorf("erased: %+v", c)
	}
	if stats := answer[series.Stats](t, r.must("series", "stats", data, "--json")); stats.Readings != 0 || stats.Rollups != 0 || stats.Findings != 0 {
		t.Errorf("after the erasure there is %+v", stats)
	}
	for name, args := range map[string][]string{
		"export": append([]string{"wearer", "export", "acme", "anna"}, api...),
		"erase":  append([]string{"wearer", "erase", "acme", "anna", "--yes"}, nats...),
	} {
		if code, _, says := run(t, args...); code != 1 || says == "" {
			t.Errorf("%s of nobody: exit %d, %s", name, code, says)
		}
	}
}

// exported wants a whole record in a file that its owner alone may read.
func exported(t *testing.T, r *running, api []string, file string) {
	t.Helper()
	args := append([]string{"wearer", "export", "acme", "anna", "--out", file}, api...)
	r.must(args...)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		kinds[answer[struct{ Kind string }](t, s.Text()).Kind]++
	}
	if kinds["reading"] != 6000 || kinds["minute"] == 0 || kinds["episode"] == 0 || kinds["finding"] == 0 || kinds["end"] != 1 {
		t.Errorf("the file has %v", kinds)
	}
	if code, _, says := run(t, args...); code != 2 || !strings.Contains(says, file) {
		t.Errorf("over a file: exit %d, %s", code, says)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the file there are %v, %v", left, err)
	}
}

func answer[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// Buckets and tokens are made, and what the embedded store has goes there and back.
func TestSeriesGoToInfluxDBAndBack(t *testing.T) {
	server := influxtest.Start(t)
	prefix := server.Prefix(t)
	r := startWithYesterday(t)
	dir := t.TempDir()
	operator, tokens := filepath.Join(dir, "operator"), filepath.Join(dir, "tokens")
	if err := os.WriteFile(operator, []byte(server.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says := r.must("series", "setup", "--influx", server.URL, "--influx-org", server.Org, "--influx-prefix", prefix, "--token-file", operator, "--out", tokens,
		"--retention", "raw=20d")
	if !strings.Contains(says, filepath.Join(tokens, "office")) || !strings.Contains(says, "--retention raw=20d,rollups=400d") {
		t.Errorf("setup says %s", says)
	}
	made, err := os.ReadFile(filepath.Join(tokens, "record"))
	if err != nil {
		t.Fatal(err)
	}
	// Without the operator's token: nothing is asked of InfluxDB.
	r.must("series", "setup", "--influx", server.URL, "--token-file", filepath.Join(dir, "none"), "--out", tokens, "--once")
	if again, err := os.ReadFile(filepath.Join(tokens, "record")); err != nil || !bytes.Equal(again, made) {
		t.Errorf("a second setup with --once made another token: %v", err)
	}
	there := func(side string, args ...string) []string {
		return append(args, "--"+side+"org", server.Org, "--"+side+"prefix", prefix, "--"+side+"token-file", tokens)
	}
	r.must(there("to-", "series", "copy", "--from", r.Data(), "--to", server.URL, "--exact")...)
	if stats := answer[series.Stats](t, r.must(there("", "series", "stats", server.URL, "--json")...)); stats.Readings != 6000 || stats.Findings == 0 {
		t.Errorf("InfluxDB holds %+v", stats)
	}
	back := answer[transfer.Report](t, r.must(there("from-", "series", "copy", "--from", server.URL, "--to", filepath.Join(dir, "back"), "--exact", "--json")...))
	if back.From != back.To || back.To.Readings != 6000 || back.To.Late != 600 {
		t.Errorf("back came %+v", back)
	}
}

func TestStoresThatCannotBe(t *testing.T) {
	server := influxtest.Start(t)
	dir := t.TempDir()
	mistyped := server.Prefix(t)
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for file, token := range map[string]string{good: server.Token, bad: "nobody-s"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"no folder":                {[]string{"series", "stats", filepath.Join(dir, "none")}, 1, []string{"none", "holds no time series"}},
		"no token":                 {[]string{"series", "stats", server.URL}, 2, []string{"--token-file"}},
		"no token file":            {[]string{"series", "stats", server.URL, "--token-file", filepath.Join(dir, "none")}, 1, []string{"none", "sitwell series setup"}},
		"a mistyped prefix":        {[]string{"series", "stats", server.URL, "--org", server.Org, "--prefix", mistyped, "--token-file", good}, 1, []string{mistyped + "_raw", "sitwell series setup"}},
		"a mistyped prefix, still": {[]string{"series", "copy", "--from", server.URL, "--from-org", server.Org, "--from-prefix", mistyped, "--from-token-file", good, "--to", filepath.Join(dir, "to")}, 1, []string{mistyped + "_raw"}},
		"no operator's token":      {[]string{"series", "setup", "--influx", server.URL, "--token-file", filepath.Join(dir, "none"), "--out", filepath.Join(dir, "new")}, 1, []string{"none", "influx auth create"}},
		"an unknown token":         {[]string{"series", "stats", server.URL, "--org", server.Org, "--token-file", bad}, 1, []string{"token", server.URL}},
		"an unknown org":           {[]string{"series", "stats", server.URL, "--org", "nobody", "--token-file", good}, 1, []string{"organisation", "nobody"}},
		"nobody listens":           {[]string{"series", "stats", "http://127.0.0.1:1", "--token-file", good}, 1, []string{"http://127.0.0.1:1", "running"}},
		"the same":                 {[]string{"series", "copy", "--from", dir, "--to", dir}, 2, []string{"--to"}},
		"nothing to copy":          {[]string{"series", "copy", "--from", filepath.Join(dir, "none"), "--to", dir}, 1, []string{"--from"}},
		"an empty address":         {[]string{"series", "setup", "--influx", "", "--token-file", good, "--out", dir, "--once"}, 2, []string{"--influx", "COMPOSE_PROFILES"}},
		"a folder of before":       {[]string{"series", "setup", "--influx", server.URL, "--token-file", good, "--out", dir}, 1, []string{dir, "new folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, says := run(t, c.args...)
			if code != c.code {
				t.Errorf("exit %d, want %d: %s", code, c.code, says)
			}
			for _, want := range c.says {
				if !strings.Contains(says, want) {
					t.Errorf("%q does not say %q", says, want)
				}
			}
		})
	}
}
