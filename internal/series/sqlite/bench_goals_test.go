package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// footprint is how many bytes all files of a folder have.
func footprint(tb testing.TB, dir string) (n int64) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// atWork are simulated people at work from benchStart on, of those that raw tells: who give
// accelerations, or angles.
func atWork(n int, raw bool) (all []*sim.Wearer) {
	o := sim.Options{Wearers: n, Seed: 5}
	for _, w := range o.Crowd(benchStart) {
		first := w.Fill(nil, benchStart.Add(10*time.Second), sim.HistorySpacing, 1)
		if len(first) == 1 && first[0].Fields.Has(schemas.HasAcc) == raw {
			all = append(all, w)
		}
	}
	return all
}

// playing appends what people measure, in messages of so many readings, up to a time.
type playing struct {
	store   *Store
	people  []*sim.Wearer
	spacing time.Duration
	message int

	seq      uint64
	readings int64
}

func (p *playing) until(tb testing.TB, to time.Time) {
	tb.Helper()
	for at := p.people[0].Clock(); at.Before(to); {
		at = at.Add(time.Duration(p.message) * p.spacing)
		if at.After(to) {
			at = to
		}
		batch := series.Batch{Stream: schemas.StreamReadings}
		for _, w := range p.people {
			for {
				items := w.Fill(nil, at, p.spacing, p.message)
				if len(items) == 0 {
					break
				}
				p.readings += int64(len(items))
				batch.Readings = append(batch.Readings, schemas.Batch{Org: org, Wearer: w.ID, Device: w.Device, Boot: w.Boot(), Items: items})
			}
		}
		p.seq++
		batch.Seq = p.seq
		if _, err := p.store.Append(context.Background(), batch); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkSealed is what an office's days take on disk once their hours are sealed, how
// many readings are sealed a second, and how long an append waits meanwhile.
func BenchmarkSealed(b *testing.B) {
	for _, c := range []struct {
		name    string
		raw     bool
		spacing time.Duration
		people  int
	}{
		{"angles, 2 Hz", false, sim.LiveSpacing, 30},
		{"angles, every 4 s", false, sim.HistorySpacing, 60},
		{"acc_g, 2 Hz", true, sim.LiveSpacing, 240},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkSealed(b, c.raw, c.spacing, c.people) })
	}
}

func benchmarkSealed(b *testing.B, raw bool, spacing time.Duration, people int) {
	var before, after, readings int64
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		s := byHand(b, dir)
		p := playing{store: s, people: atWork(people, raw), spacing: spacing, message: 300}
		p.until(b, benchStart.Add(8*time.Hour))
		readings += p.readings
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		before += footprint(b, dir)
		s = byHand(b, dir)
		b.StartTimer()
		sealUntil(b, s, benchStart.AddDate(0, 0, 2))
		b.StopTimer()
		if got := count(b, s, p.people); got != p.readings {
			b.Fatalf("%d readings are stored, want %d", got, p.readings)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		after += footprint(b, dir)
		b.StartTimer()
	}
	b.ReportMetric(float64(before)/float64(readings), "B/reading-before")
	b.ReportMetric(float64(after)/float64(readings), "B/reading")
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds()/1e6, "M/s")
}

// count is how many readings are stored of people.
func count(b *testing.B, s *Store, people []*sim.Wearer) (n int64) {
	b.Helper()
	for _, w := range people {
		q := series.Query{Org: org, Wearer: w.ID, From: benchStart.AddDate(0, 0, -1), To: benchStart.AddDate(0, 0, 2)}
		if err := s.Readings(context.Background(), q, func(series.Reading) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// BenchmarkOffice reads what an office of 5,000 sees: a day of it and of its 25 groups, and
// the heat map of 90 days.
func BenchmarkOffice(b *testing.B) {
	s := byHand(b, b.TempDir())
	ctx := context.Background()
	monday := benchStart.Truncate(24 * time.Hour)
	groups := make([]schemas.ID, 26) // the first is the whole organisation
	for i := range groups[1:] {
		groups[i+1] = schemas.MustID(fmt.Sprintf("group-%d", i))
	}
	var all []series.Aggregate
	add := func(w series.Window, g schemas.ID, start time.Time, length time.Duration) {
		all = append(all, series.Aggregate{
			Org: org, Group: g, Window: w, Start: start, End: start.Add(length), Made: start.Add(length), Contributors: "50-99",
			SittingMin: 321.5, SlouchedPct: 23.25, Breaks: 6.5, FlexionDeg: 11.75,
		})
	}
	for d := range 90 {
		for _, g := range groups {
			add(series.Day, g, monday.AddDate(0, 0, -d), 24*time.Hour)
		}
	}
	for month := range 4 {
		for h := range 7 * 24 {
			for _, g := range groups {
				add(series.HourOfWeek, g, monday.AddDate(0, -month, 0).Add(time.Duration(h)*time.Hour), 30*24*time.Hour)
			}
		}
	}
	if err := s.PutAggregates(ctx, all); err != nil {
		b.Fatal(err)
	}
	b.Run("day", func(b *testing.B) {
		for b.Loop() {
			got, err := s.Aggregates(ctx, series.OfficeQuery{Org: org, Window: series.Day, From: monday, To: monday.AddDate(0, 0, 1)})
			if err != nil || len(got) != len(groups) {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("heat map of 90 days", func(b *testing.B) {
		for b.Loop() {
			got, err := s.Aggregates(ctx, series.OfficeQuery{Org: org, Window: series.HourOfWeek, From: monday.AddDate(0, -3, 0), To: monday.AddDate(0, 0, 7)})
			if err != nil || series.Heat(got, groups[0], time.UTC)[0][9].Months != 4 {
				b.Fatal(len(got), err)
			}
		}
	})
}

// BenchmarkOfficeIsMade sums the minutes of a day of 5,000 wearers, which the maker of the
// aggregates does once for each day that is over.
func BenchmarkOfficeIsMade(b *testing.B) {
	s := byHand(b, b.TempDir())
	day := dayOf(benchStart.UnixMilli())
	err := s.change(b.Context(), func(ctx context.Context, c *changing) error {
		return c.in(ctx, fileKey{series.Rollups, day}, func(ctx context.Context, tx *fileTx) error {
			fill := fillers(series.Rollups)
			if err := tx.exec(ctx, fill[0], 5000, day); err != nil {
				return err
			}
			for i := range int64(480 / benchMinutes) {
				if err := tx.exec(ctx, fill[1], 5000, benchStart.Unix()/60+i*benchMinutes); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		got, err := s.Totals(context.Background(), series.Query{Org: org, From: benchStart, To: benchStart.Add(8 * time.Hour)})
		if err != nil || len(got) != 5000 {
			b.Fatal(len(got), err)
		}
	}
}

// BenchmarkYear opens a store of 400 days of files of 1,000 wearers and reads months of it.
func BenchmarkYear(b *testing.B) {
	dir := b.TempDir()
	s := openTest(b, dir)
	fill(b, s, series.Raw, 30)
	fill(b, s, series.Rollups, 400)
	fill(b, s, series.Events, 90)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("reopen", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(dir, discard())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Position(b.Context(), schemas.StreamReadings); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	s = byHand(b, dir)
	q := series.Query{Org: org, Wearer: schemas.MustID("w0500"), From: benchStart.AddDate(0, 0, -90), To: benchStart.AddDate(0, 0, -89)}
	b.Run("a wearer's day of rollups, 3 months ago", func(b *testing.B) {
		for b.Loop() {
			if got, err := s.Rollups(b.Context(), q); err != nil || len(got) != benchMinutes {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("a wearer's year by the day", func(b *testing.B) {
		q := q
		q.From, q.To = benchStart.AddDate(0, 0, -360), benchStart
		for b.Loop() {
			if got, err := s.Slots(b.Context(), q, 24*time.Hour); err != nil || len(got) < 360 {
				b.Fatal(len(got), err)
			}
		}
	})
}

// BenchmarkSealedDay reads a wearer's day of 57,600 readings from minutes and from sealed hours.
func BenchmarkSealedDay(b *testing.B) {
	s := byHand(b, b.TempDir())
	w := newWearable(2, benchStart)
	for i := range uint64(144) { // a message of 200 s
		mustAppend(b, s, series.Batch{Stream: schemas.StreamReadings, Seq: i + 1, Readings: []schemas.Batch{w.next(400, 500*time.Millisecond)}})
	}
	q := series.Query{Org: org, Wearer: w.batch.Wearer, From: benchStart, To: benchStart.AddDate(0, 0, 1)}
	for _, name := range []string{"minutes", "hours"} {
		if name == "hours" {
			sealUntil(b, s, benchStart.AddDate(0, 0, 1))
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				if err := s.Readings(b.Context(), q, func(series.Reading) error { n++; return nil }); err != nil || n != 57_600 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
