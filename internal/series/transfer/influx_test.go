package transfer

import (
	"log/slog"
	"os"
	"testing"

	"sitwell/internal/series"
	"sitwell/internal/series/influx"
	"sitwell/internal/series/influx/influxtest"
)

func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }

// openInflux is a store of its own on the server of the tests.
func openInflux(t *testing.T) series.Store {
	t.Helper()
	server := influxtest.Start(t)
	s, err := influx.Open(t.Context(), influx.Options{
		URL: server.URL, Org: server.Org, Token: influx.StaticToken(server.Token), Prefix: server.Prefix(t), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// What goes to InfluxDB, and back to another embedded store, is what it was.
func TestThereAndBack(t *testing.T) {
	there := openInflux(t)
	from, back := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	for _, o := range []Options{{From: from, To: there}, {From: there, To: back}} {
		o.Exact = true
		report, err := Copy(t.Context(), o)
		if err != nil || report.Again > 0 || report.From != report.To {
			t.Fatalf("the copy came to %+v, %v", report, err)
		}
	}
	wantSame(t, from, there)
	wantSame(t, from, back)
}

// A copy into InfluxDB that fails in the middle of a unit goes on.
func TestBrokenOffCopyIntoInfluxGoesOn(t *testing.T) {
	to := openInflux(t)
	from := open(t, t.TempDir())
	fill(t, from, "log", 0, 2)
	if _, err := run(t.Context(), Options{From: from, To: &faulty{Store: to, failAt: 3}}, 8<<10); err == nil {
		t.Fatal("there is no error")
	}
	report, err := run(t.Context(), Options{From: from, To: to, Exact: true}, 8<<10)
	if err != nil || report.Again > 0 {
		t.Errorf("the copy came to %+v, %v", report, err)
	}
	wantSame(t, from, to)
}
