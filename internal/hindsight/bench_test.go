package hindsight

import (
	"fmt"
	"testing"

	"sitwell/detect"
	"sitwell/internal/series"
)

// BenchmarkHindsight measures a day of 30,000 readings, and two weeks of them, from
// the store to the answer.
func BenchmarkHindsight(b *testing.B) {
	w := newWorld(b, at(20, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(b, days(17, 14)...)
	w.end(b)
	for _, n := range []int{1, 14} {
		q := series.Query{Org: acme, Wearer: anna, From: at(14-n, 0, 0), To: at(14, 0, 0)}
		b.Run(fmt.Sprintf("backtest/days=%d", n), func(b *testing.B) {
			readings := 0
			for b.Loop() {
				t, err := w.Backtest(b.Context(), q, map[string]string{"slouch_deg": "18"}, nil)
				if err != nil {
					b.Fatal(err)
				}
				readings += t.Readings
			}
			b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
		})
	}
	b.Run("recompute", func(b *testing.B) {
		for b.Loop() {
			w.recompute(b, 10)
		}
	})
	b.Run("explain", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f := w.findings[i%len(w.findings)]
			findings, which, err := w.Find(b.Context(), acme, f.ID)
			if err != nil || which < 0 {
				b.Fatal(which, err)
			}
			if _, err := w.Explain(b.Context(), findings, which); err != nil {
				b.Fatal(err)
			}
		}
	})
}
