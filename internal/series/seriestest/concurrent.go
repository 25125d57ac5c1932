package seriestest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// concurrent: while appends go on a query sees all that was appended when it began, and
// never less than one before it.
func concurrent(t *testing.T, open Open) {
	s := opened(t, open)
	const appends, size = 40, 25
	done := make(chan struct{})
	var appended atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for last := 0; ; {
				n, least := 0, int(appended.Load())
				err := s.Readings(context.Background(), between(annOf, 0, 60), func(series.Reading) error { n++; return nil })
				if err != nil || n < least || n < last {
					t.Errorf("read %d readings after %d, when %d were appended, %v", n, last, least, err)
					return
				}
				if _, err := s.Stats(context.Background()); err != nil {
					t.Errorf("stats: %v", err)
				}
				last = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range appends {
		mustAppend(t, s, raw(uint64(i)+1, run(1, readings(uint64(i*size), size, 0, 2)...)))
		appended.Add(size)
	}
	close(done)
	wg.Wait()
	wantStats(t, s, series.Stats{Readings: appends * size})
}

// allAtOnce: every question may be asked beside everything that changes the store.
func allAtOnce(t *testing.T, open Open) {
	s := opened(t, open)
	const times = 8
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, q := range []series.Query{annOf, {Org: acme, Wearer: bob}, annOf2} {
		wg.Go(func() {
			for {
				if err := askAll(t.Context(), s, ever(q)); err != nil {
					t.Errorf("ask for all of %s/%s: %v", q.Org, q.Wearer, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	var writers sync.WaitGroup
	change := func(what string, do func(i int) error) {
		writers.Go(func() {
			for i := range times {
				if err := do(i); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	ctx := t.Context()
	change("replace", func(i int) error { return s.Replace(ctx, between(annOf, -3600, 0), generation(i+1)) })
	change("erase", func(i int) error {
		_, err := s.Erase(ctx, acme, bob, after(float64(i*900)))
		return err
	})
	change("retain", func(int) error { return s.Retain(ctx, series.DefaultRetention(), monday) })
	change("put aggregates", func(i int) error {
		return s.PutAggregates(ctx, []series.Aggregate{aggregate(acme, team, series.Day, after(float64(i*60)))})
	})
	for i := range uint64(times) {
		mustAppendAll(t, s, whole(acme, ann, chest, 3*i+1, float64(i*900)))
		mustAppendAll(t, s, whole(acme, bob, spare, 3*i+2, float64(i*900)))
		mustAppendAll(t, s, whole(other, ann, chest, 3*i+3, float64(i*900)))
	}
	writers.Wait()
	close(done)
	wg.Wait()
	mustErase(t, s, series.Query{Org: acme, Wearer: bob}, after(1e6), erasable(t, s))
	stats := wholeStats(2 * times)
	stats.Rollups, stats.Episodes, stats.Findings, stats.Aggregates = stats.Rollups+30, stats.Episodes+1, stats.Findings+2, times
	wantStats(t, s, stats)
}

// erasable is what there is of bob, whom an erasure may have come to in the middle.
func erasable(t testing.TB, s series.Store) series.Erased {
	t.Helper()
	r := recordOf(t, s, ever(series.Query{Org: acme, Wearer: bob}))
	n := series.Erased{Readings: int64(len(r.readings)), Rollups: int64(len(r.rollups)), Episodes: int64(len(r.episodes)), Decisions: int64(len(r.decisions))}
	for _, f := range r.findings {
		n.Findings += int64(len(f))
	}
	return n
}

// askAll asks everything there is to ask about a wearer, an office and a store.
func askAll(ctx context.Context, s series.Store, q series.Query) error {
	if err := s.Readings(ctx, q, func(series.Reading) error { return nil }); err != nil {
		return err
	}
	if _, err := s.Rollups(ctx, q); err != nil {
		return err
	}
	if _, err := s.Slots(ctx, q, 24*time.Hour); err != nil {
		return err
	}
	episodes, err := s.Episodes(ctx, q)
	for i := 0; i < len(episodes) && err == nil; i++ {
		_, err = s.Findings(ctx, q.Org, episodes[i].ID)
	}
	if err != nil {
		return err
	}
	if _, err := s.Decisions(ctx, q); err != nil {
		return err
	}
	if _, err := s.Totals(ctx, q); err != nil {
		return err
	}
	if _, err := s.Aggregates(ctx, series.OfficeQuery{Org: q.Org, Window: series.Day, From: q.From, To: q.To}); err != nil {
		return err
	}
	if err := s.Wearers(ctx, func(series.Extent) error { return nil }); err != nil {
		return err
	}
	if _, err := s.Stats(ctx); err != nil {
		return err
	}
	_, err = s.Position(ctx, schemas.StreamReadings)
	return err
}
