package sqlite

import (
	"slices"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// BenchmarkAppendBesideSealing appends live messages of 60 wearers, one each 20 ms, to a day of which 8 hours are
// sealed meanwhile, and without that: how long an append takes at the 99th percentile, and the longest.
func BenchmarkAppendBesideSealing(b *testing.B) {
	for _, c := range []struct {
		name string
		seal bool
	}{{"alone", false}, {"beside", true}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				appendBesideSealing(b, c.seal)
			}
		})
	}
}

func appendBesideSealing(b *testing.B, seal bool) {
	b.Helper()
	s := byHand(b, b.TempDir())
	p := playing{store: s, people: atWork(60, false), spacing: sim.LiveSpacing, message: 300}
	p.until(b, benchStart.Add(8*time.Hour))
	live := make([]*wearable, 60)
	for i := range live {
		live[i] = newWearable(i, benchStart.Add(13*time.Hour))
	}
	sealed := make(chan struct{})
	if seal {
		s.sealing.mu.Lock()
		s.sealing.newest = benchStart.Add(9*time.Hour+s.sealing.after).Unix() / 60
		s.sealing.mu.Unlock()
		go func() {
			defer close(sealed)
			if err := s.sealing.pass(b.Context()); err != nil {
				b.Error(err)
			}
		}()
	}
	var waits []time.Duration
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		batch := series.Batch{Stream: schemas.StreamReadings, Seq: p.seq + 1}
		p.seq++
		for _, w := range live {
			batch.Readings = append(batch.Readings, w.next(4, 500*time.Millisecond))
		}
		began := time.Now()
		mustAppend(b, s, batch)
		waits = append(waits, time.Since(began))
		select {
		case <-sealed:
			done = true
		case <-tick.C:
			done = !seal && len(waits) == 500
		}
	}
	slices.Sort(waits)
	b.ReportMetric(waits[len(waits)/2].Seconds()*1e3, "ms-median")
	b.ReportMetric(waits[len(waits)*99/100].Seconds()*1e3, "ms-p99")
	b.ReportMetric(waits[len(waits)-1].Seconds()*1e3, "ms-longest")
}
