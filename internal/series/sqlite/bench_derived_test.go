package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// size is how many bytes a store has on disk once all is in the files.
func size(b *testing.B, s *Store) int64 {
	b.Helper()
	settleFiles(b, s)
	stats, err := s.Stats(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return stats.Bytes
}

// settleFiles moves all logs into their files.
func settleFiles(tb testing.TB, s *Store) {
	tb.Helper()
	ctx := context.Background()
	if err := s.eachFile(func(key fileKey) error {
		return s.with(ctx, key, func(f *file) error { return f.empty(ctx) })
	}); err != nil {
		tb.Fatal(err)
	}
	for _, f := range []*file{s.index, s.office} {
		if err := f.empty(ctx); err != nil {
			tb.Fatal(err)
		}
	}
}

func mustAppend(b *testing.B, s *Store, batch series.Batch) {
	b.Helper()
	if _, err := s.Append(context.Background(), batch); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFindings appends findings, 60 at a time, three to an episode, with a state of
// 300 bytes that nothing makes smaller.
func BenchmarkFindings(b *testing.B) {
	s := byHand(b, b.TempDir())
	empty, n := size(b, s), 0
	batch := series.Batch{Stream: schemas.StreamFindings}
	for b.Loop() {
		b.StopTimer()
		batch.Seq++
		batch.Findings = batch.Findings[:0]
		for range 20 {
			episode := schemas.EpisodeID(org, ann, schemas.RuleSlouch, benchStart.Add(time.Duration(n)*time.Minute))
			for _, step := range []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Closed} {
				batch.Findings = append(batch.Findings, testFinding(episode, step, noise(uint64(n))))
				n++
			}
		}
		b.StartTimer()
		mustAppend(b, s, batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "findings/s")
	b.ReportMetric(float64(size(b, s)-empty)/float64(n), "B/finding")
}

// BenchmarkMarks appends late marks of 60 devices, none of which touches another.
func BenchmarkMarks(b *testing.B) {
	s := byHand(b, b.TempDir())
	empty, n := size(b, s), 0
	batch := series.Batch{Stream: schemas.StreamRollups}
	for b.Loop() {
		batch.Seq++
		batch.Late = batch.Late[:0]
		for i := range 60 {
			m := lateMark(batch.Seq*100, batch.Seq*100+9)
			m.Device = schemas.MustID(fmt.Sprintf("d%03d", i))
			batch.Late = append(batch.Late, m)
			n++
		}
		mustAppend(b, s, batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "marks/s")
	b.ReportMetric(float64(size(b, s)-empty)/float64(n), "B/mark")
}

// BenchmarkReplace replaces a wearer's day, 1,000 minutes and 40 episodes of three findings,
// by the same, beside a year of such days of others.
func BenchmarkReplace(b *testing.B) {
	s := byHand(b, b.TempDir())
	q := series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(24 * time.Hour)}
	var day series.Rebuilt
	for i := range int64(1000) {
		day.Rollups = append(day.Rollups, busyMinute(ann, benchStart.Unix()/60+i))
	}
	for i := range 40 {
		start := benchStart.Add(time.Duration(i) * 25 * time.Minute)
		episode := schemas.EpisodeID(org, ann, schemas.RuleSlouch, start)
		for _, step := range []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Closed} {
			f := testFinding(episode, step, noise(uint64(i)))
			f.Start = start
			day.Findings = append(day.Findings, f)
		}
	}
	for i := range 365 {
		other := series.Rebuilt{Rollups: make([]schemas.Rollup, len(day.Rollups)), Findings: make([]schemas.Finding, len(day.Findings))}
		copy(other.Rollups, day.Rollups)
		copy(other.Findings, day.Findings)
		w := schemas.MustID(fmt.Sprintf("w%03d", i))
		for j := range other.Rollups {
			other.Rollups[j].Wearer = w
		}
		for j := range other.Findings {
			f := &other.Findings[j]
			f.Wearer, f.Episode = w, schemas.EpisodeID(org, w, f.Rule, f.Start)
		}
		oq := q
		oq.Wearer = w
		if err := s.Replace(context.Background(), oq, other); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.Replace(context.Background(), q, day); err != nil {
			b.Fatal(err)
		}
	}
}

// busyMinute has every number that a minute can have.
func busyMinute(w schemas.ID, n int64) schemas.Rollup {
	k := float32(n%997) / 1000
	return schemas.Rollup{
		Org: org, Wearer: w, Minute: n, Sitting: 41.5 + k, Standing: 10 - k, Moving: 8.5 - k, Upright: 30.25 + k, Slouched: 21.25 - k, Flexion: 12.3 + k,
		FlexionP95: 20.5 + k, LeanLeft: 3 + k, LeanRight: 2 + k, LoadPeak: k, Shifts: 1, Bout: 600 + 60*k,
	}
}

// BenchmarkMarkedDay reads a day of 57,600 readings without a mark and with 2,000 of them.
func BenchmarkMarkedDay(b *testing.B) {
	for _, marks := range []uint64{0, 2000} {
		b.Run(fmt.Sprintf("%d marks", marks), func(b *testing.B) {
			s := byHand(b, b.TempDir())
			w := newWearable(2, benchStart)
			for i := range uint64(144) { // a message of 200 s
				mustAppend(b, s, series.Batch{Stream: schemas.StreamReadings, Seq: i + 1, Readings: []schemas.Batch{w.next(400, 500*time.Millisecond)}})
			}
			batch := series.Batch{Stream: schemas.StreamRollups, Seq: 1}
			for i := range marks {
				m := lateMark(28*i, 28*i+9)
				m.Device, m.Boot = w.batch.Device, w.batch.Boot
				batch.Late = append(batch.Late, m)
			}
			mustAppend(b, s, batch)
			q := series.Query{Org: org, Wearer: w.batch.Wearer, From: benchStart, To: benchStart.AddDate(0, 0, 1)}
			for b.Loop() {
				late := uint64(0)
				err := s.Readings(context.Background(), q, func(r series.Reading) error {
					if r.Late {
						late++
					}
					return nil
				})
				if err != nil || late != 10*marks {
					b.Fatal(late, err)
				}
			}
		})
	}
}
