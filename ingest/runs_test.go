package ingest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/schemas"
)

func newTestRuns(t *testing.T) (*runs, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	return newRuns(NewMetrics(reg), slog.New(slog.DiscardHandler)), reg
}

// suspects is the gauge.
func suspects(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sitwell_ingest_clock_suspect" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no such gauge")
	return 0
}

func minutes(n float64) int64 { return time.Duration(n * float64(time.Minute)).Milliseconds() }

func TestAClockBehindIsSuspected(t *testing.T) {
	band := run{device{schemas.MustID("acme"), schemas.MustID("band-1")}, 7}
	for name, c := range map[string]struct {
		lags []float64 // minutes, one message each minute
		want float64
	}{
		"right":                         {[]float64{0, 0.1, 0, 0.2}, 0},
		"a little behind":               {[]float64{1.9, 1.9, 1.9, 1.9}, 0},
		"behind":                        {[]float64{30, 30, 30, 30}, 1},
		"behind, heard too shortly":     {[]float64{30, 30}, 0},
		"kept by the broker, then live": {[]float64{30, 29, 0, 0.1}, 0},
		"ahead":                         {[]float64{-10, -10, -10, -10}, 0},
		"set right meanwhile":           {[]float64{30, 30, 30, 30, 0, 0}, 0},
		"set back after being right":    {[]float64{0, 0, 30, 30, 30}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rs, reg := newTestRuns(t)
			for i, lag := range c.lags {
				received := minutes(1000 + float64(i))
				rs.lag(band, rs.of(band), received-minutes(lag), received)
			}
			if got := suspects(t, reg); got != c.want {
				t.Errorf("%v clocks suspected, want %v", got, c.want)
			}
		})
	}
}

func TestRunsAreForgottenOnceThereAreTooMany(t *testing.T) {
	rs, reg := newTestRuns(t)
	band := device{schemas.MustID("acme"), schemas.MustID("band-1")}
	suspected := run{band, 0}
	rs.lag(suspected, rs.of(suspected), 0, minutes(30))
	rs.lag(suspected, rs.of(suspected), 0, minutes(40))
	if suspects(t, reg) != 1 {
		t.Fatal("not suspected")
	}
	for boot := range uint32(2 * maxRuns) {
		rs.of(run{band, boot + 1})
		if boot == maxRuns {
			rs.of(suspected) // heard of again, and so young
		}
	}
	if n := len(rs.young) + len(rs.old); n > 2*maxRuns {
		t.Errorf("%d runs remembered, at most %d may be", n, 2*maxRuns)
	}
	if !rs.of(suspected).suspect {
		t.Error("a run that was heard of lately is forgotten")
	}
	for boot := range uint32(3 * maxRuns) {
		rs.of(run{band, boot + 3*maxRuns})
	}
	if rs.of(suspected).suspect || suspects(t, reg) != 0 {
		t.Error("a run that was not heard of is remembered")
	}
}
