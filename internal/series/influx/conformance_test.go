package influx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/internal/series/seriestest"
)

// envBase tells a child of the suite what its parent's buckets begin with.
const envBase = "INFLUXTEST_BASE"

var _ series.Store = (*Store)(nil)

// TestStore runs the suite, children and all, on one server: each folder is buckets of
// its own.
func TestStore(t *testing.T) {
	server := influxtest.Start(t)
	fewer(t)
	base := os.Getenv(envBase)
	if base == "" {
		base = server.Prefix(t)
		t.Setenv(envBase, base)
		for _, pair := range server.Env() {
			name, value, _ := strings.Cut(pair, "=")
			t.Setenv(name, value)
		}
	}
	seriestest.Run(t, func(tb testing.TB, dir string) series.Store {
		tb.Helper()
		sum := sha256.Sum256([]byte(dir))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s, err := Open(ctx, Options{
			URL: server.URL, Org: server.Org, Token: StaticToken(server.Token), Prefix: base + "_" + hex.EncodeToString(sum[:6]),
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			tb.Fatalf("open: %v", err)
		}
		return s
	})
}

// fewer makes each law try a fourth of the cases, unless the command line says how many:
// a case takes a server a tenth of a second.
func fewer(tb testing.TB) {
	tb.Helper()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if checks := flag.Lookup("rapid.checks"); !set && checks != nil {
		was := checks.Value.String()
		if err := checks.Value.Set("25"); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = checks.Value.Set(was) })
	}
}
