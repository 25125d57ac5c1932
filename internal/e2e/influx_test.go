package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sitwell/internal/app"
	"sitwell/internal/cli"
	"sitwell/internal/series/influx/influxtest"
)

func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }

// onEach runs a test with the time series in the data folder and in an InfluxDB.
func onEach(t *testing.T, test func(t *testing.T, on app.InfluxOptions)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, app.InfluxOptions{}) })
	t.Run("InfluxDB", func(t *testing.T) { test(t, inInflux(t)) })
}

// inInflux has the buckets and tokens made as an operator does, and says where they are.
func inInflux(t *testing.T) app.InfluxOptions {
	t.Helper()
	s := influxtest.Start(t)
	dir := t.TempDir()
	on := app.InfluxOptions{URL: s.URL, Org: s.Org, Prefix: s.Prefix(t), TokenFile: filepath.Join(dir, "tokens")}
	operator := filepath.Join(dir, "operator")
	if err := os.WriteFile(operator, []byte(s.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	if code := cli.Run(t.Context(), "test", []string{
		"series", "setup", "--influx", on.URL, "--influx-org", on.Org, "--influx-prefix", on.Prefix,
		"--token-file", operator, "--out", on.TokenFile,
	}, &out, &errOut); code != 0 {
		t.Fatalf("sitwell series setup: exit %d: %s", code, &errOut)
	}
	return on
}
