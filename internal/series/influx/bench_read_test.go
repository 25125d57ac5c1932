package influx

import (
	"fmt"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// The benchmarks of queries. A wearer's day is eight hours: 57,600 readings at 2 Hz or 480 minutes.
const (
	dayReadings = 57_600
	dayMinutes  = 480
)

// dayOf appends a wearer's day of readings, so many days before monday.
func (b *bench) dayOf(wearer schemas.ID, ago int, seq *uint64) {
	b.tb.Helper()
	day := wear(wearer, chest, 1, uint64(ago)*dayReadings, dayReadings)
	for i := range day.Items {
		day.Items[i].Time = monday.AddDate(0, 0, -ago).UnixMilli() + int64(i)*500
	}
	*seq++
	b.append(inLog(*seq, day))
}

// minutesOf appends a wearer's day of minutes.
func minutesOf(wearer schemas.ID, ago int) []schemas.Rollup {
	all := make([]schemas.Rollup, dayMinutes)
	for i := range all {
		all[i] = schemas.Rollup{
			Org: acme, Wearer: wearer, Minute: monday.AddDate(0, 0, -ago).Unix()/60 + int64(i),
			Sitting: 40.5, Standing: 10, Moving: 9.5, Upright: 30.25, Slouched: float32(i % 20), Flexion: float32(i%30) + 0.125, Breaks: i % 2,
			FlexionP95: 25, LeanLeft: 1, Bout: float32(i * 60),
		}
	}
	return all
}

func wearerOf(i int) schemas.ID { return schemas.MustID(fmt.Sprintf("w%d", i)) }

func BenchmarkReadingsOfADay(b *testing.B) {
	in := newBench(b, nil)
	var seq uint64
	for ago := range 10 {
		in.dayOf(ann, ago, &seq)
	}
	for b.Loop() {
		n := 0
		if err := in.store.Readings(b.Context(), day(24), func(series.Reading) error { n++; return nil }); err != nil || n != dayReadings {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkRollupsOfADay(b *testing.B) {
	in := newBench(b, nil)
	in.minutes(1, minutesOf(ann, 0)...)
	b.Run("rollups", func(b *testing.B) {
		for b.Loop() {
			if all, err := in.store.Rollups(b.Context(), day(24)); err != nil || len(all) != dayMinutes {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("hours", func(b *testing.B) {
		for b.Loop() {
			if all, err := in.store.Slots(b.Context(), day(24), time.Hour); err != nil || len(all) != 8 {
				b.Fatal(all, err)
			}
		}
	})
}

// A year of a wearer's by the day.
func BenchmarkSlotsOfAYear(b *testing.B) {
	in := newBench(b, nil)
	for ago := range 365 {
		in.minutes(uint64(ago)+1, minutesOf(ann, ago)...)
	}
	q := series.Query{Org: acme, Wearer: ann, From: monday.AddDate(-1, 0, 0), To: monday.AddDate(0, 0, 1)}
	for b.Loop() {
		if all, err := in.store.Slots(b.Context(), q, 24*time.Hour); err != nil || len(all) != 365 {
			b.Fatal(len(all), err)
		}
	}
}

// Totals of 5,000 wearers' day, each minute told once, and one of them twice.
func BenchmarkTotalsOfAnOffice(b *testing.B) {
	in := newBench(b, nil)
	const wearers = 5000
	var seq uint64
	for i := 0; i < wearers; i += 50 {
		var all []schemas.Rollup
		for j := range 50 {
			all = append(all, minutesOf(wearerOf(i+j), 0)...)
		}
		seq++
		in.minutes(seq, all...)
	}
	q := day(24)
	q.Wearer = schemas.ID{}
	for _, name := range []string{"told once", "an hour", "told twice"} {
		b.Run(name, func(b *testing.B) {
			q := q
			switch name {
			case "an hour":
				q.To = monday.Add(time.Hour)
			case "told twice":
				more := minutesOf(wearerOf(17), 0)[:1]
				more[0].NotWorn = 0.001
				in.minutes(seq+1, more...)
			}
			for b.Loop() {
				if all, err := in.store.Totals(b.Context(), q); err != nil || len(all) != wearers {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

// 90 days of hours of the week: the figures of four months, of the whole office and of ten groups.
func BenchmarkHeatMap(b *testing.B) {
	in := newBench(b, nil)
	var all []series.Aggregate
	for group := range 11 {
		for month := range 4 {
			for hour := range 7 * 24 {
				start := monday.AddDate(0, -month, 0).Add(time.Duration(hour) * time.Hour)
				a := series.Aggregate{
					Org: acme, Window: series.HourOfWeek, Start: start, End: start.Add(time.Hour), Made: start, Contributors: "100-199",
					SittingMin: 40.5, SlouchedPct: 12.25, Breaks: 1.5, FlexionDeg: 11.125,
				}
				if group > 0 {
					a.Group = schemas.MustID(fmt.Sprintf("team-%d", group))
				}
				all = append(all, a)
			}
		}
	}
	if err := in.store.PutAggregates(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	q := series.OfficeQuery{Org: acme, Window: series.HourOfWeek, From: monday.AddDate(0, -4, 0), To: monday.AddDate(0, 1, 0)}
	for b.Loop() {
		got, err := in.store.Aggregates(b.Context(), q)
		if m := series.Heat(got, schemas.ID{}, time.UTC); err != nil || len(got) != len(all) || m[0][9].Months != 4 {
			b.Fatal(len(got), m[0][9], err)
		}
	}
}

// Findings of an episode among 90 days of 100 wearers, 40 episodes of 3 findings a day each: where
// whose it is is known, of today, of a month ago and of nobody.
func BenchmarkFindings(b *testing.B) {
	in := newBench(b, nil)
	steps := []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Closed}
	name := func(wearer, day, i int) string { return fmt.Sprintf("%d-%d-%d", wearer, day, i) }
	for d := range 90 {
		var all []schemas.Finding
		for w := range 100 {
			for i := range 40 {
				for _, step := range steps {
					f := explained(name(w, d, i), step, time.Duration(d*24*60+i*5+1)*time.Minute)
					f.Wearer, f.Receipt.State = wearerOf(w), make([]byte, 300)
					all = append(all, f)
				}
			}
		}
		in.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: uint64(d) + 1, Findings: all})
	}
	for _, c := range []struct {
		name, episode string
		want          int
		known         bool
	}{{"known", name(50, 30, 7), 3, true}, {"today", name(50, 0, 7), 3, false}, {"a month ago", name(50, 29, 7), 3, false}, {"unknown", "none", 0, false}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if !c.known {
					in.store.hints.clear()
				} else if _, err := in.store.Episodes(b.Context(), series.Query{Org: acme, Wearer: wearerOf(50), To: time.Now()}); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				if all, err := in.store.Findings(b.Context(), acme, c.episode); err != nil || len(all) != c.want {
					b.Fatal(len(all), err)
				}
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-last")
			}
		})
	}
	b.Run("episodes of a day", func(b *testing.B) {
		q := series.Query{Org: acme, Wearer: wearerOf(50), From: time.Now().AddDate(0, 0, -10), To: time.Now().AddDate(0, 0, -9)}
		for b.Loop() {
			if all, err := in.store.Episodes(b.Context(), q); err != nil || len(all) < 40 {
				b.Fatal(len(all), err)
			}
		}
	})
}

// A wearer with 30 days of readings and 400 of minutes is erased, among 1,000 who have 30 days of minutes, and a day of
// his is replaced.
func BenchmarkErase(b *testing.B) {
	in := newBench(b, nil)
	var seq uint64
	for i := range 1000 {
		var all []schemas.Rollup
		for ago := range 30 {
			all = append(all, minutesOf(wearerOf(i), ago)[:60]...)
		}
		seq++
		in.minutes(seq, all...)
	}
	for b.Loop() {
		b.StopTimer()
		if err := in.store.Rewind(b.Context(), schemas.StreamReadings); err != nil {
			b.Fatal(err)
		}
		in.store.state = nil
		var read uint64
		for ago := range 30 {
			in.dayOf(ann, ago, &read)
		}
		for ago := range 400 {
			seq++
			in.minutes(seq, minutesOf(ann, ago)...)
		}
		b.StartTimer()
		done, err := in.store.Erase(b.Context(), acme, ann, time.Unix(0, 0))
		if err != nil || done.Rollups != 400*dayMinutes {
			b.Fatal(done, err)
		}
	}
}

func BenchmarkReplaceOfADay(b *testing.B) {
	in := newBench(b, nil)
	var seq uint64
	in.dayOf(ann, 0, &seq)
	var with series.Rebuilt
	with.Rollups = minutesOf(ann, 0)
	for i := range 40 {
		for _, step := range []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Closed} {
			f := begins(fmt.Sprintf("e%d", i), ann, i*60)
			f.Step, f.ID = step, schemas.FindingID(f.Episode, step, 1, 1)
			with.Findings = append(with.Findings, f)
		}
	}
	for b.Loop() {
		var err error
		if with.Was, err = series.StateOf(b.Context(), in.store, day(24)); err != nil {
			b.Fatal(err)
		}
		if err := in.store.Replace(b.Context(), day(24), with); err != nil {
			b.Fatal(err)
		}
	}
}
