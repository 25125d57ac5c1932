package export

import (
	"context"
	"io"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// BenchmarkJSONLines writes readings that are made as they are asked for; so it is the
// writing alone.
func BenchmarkJSONLines(b *testing.B) { benchmark(b, 1) }

// BenchmarkCSV reads them twice: for the readings' table and for the events'.
func BenchmarkCSV(b *testing.B) { benchmark(b, 2) }

func benchmark(b *testing.B, passes int) {
	b.Helper()
	const n = 50_000
	e := extent
	e.To = e.From.AddDate(0, 0, 1)
	source := endless{none{}, n}
	for b.Loop() {
		var err error
		if passes == 1 {
			err = JSONLines(b.Context(), io.Discard, source, e, nil)
		} else {
			err = CSV(b.Context(), io.Discard, source, e, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "readings/s")
}

// none has nothing.
type none struct{ series.Reader }

func (none) Rollups(context.Context, series.Query) ([]schemas.Rollup, error)     { return nil, nil }
func (none) Episodes(context.Context, series.Query) ([]series.Episode, error)    { return nil, nil }
func (none) Decisions(context.Context, series.Query) ([]schemas.Decision, error) { return nil, nil }
