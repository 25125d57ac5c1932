package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// The store that erasing and opening are measured on: of each of so many wearers, each day has
// hours of readings, minutes, and episodes with their findings.
const (
	benchWearers  = 1000
	benchHours    = 8  // a row each, of 6.3 kB: 900 readings of 7 B
	benchMinutes  = 60 // a row each
	benchEpisodes = 3  // of three findings of 500 B
)

// fill makes the files of days of a class, the newest of them benchStart's, by SQL alone.
func fill(b *testing.B, s *Store, class series.Class, days int64) {
	b.Helper()
	last := dayOf(benchStart.UnixMilli())
	for day := last - days + 1; day <= last; day++ {
		err := s.change(b.Context(), func(ctx context.Context, c *changing) error {
			return c.in(ctx, fileKey{class, day}, func(ctx context.Context, tx *fileTx) error {
				for _, text := range fillers(class) {
					if err := tx.exec(ctx, text, benchWearers, day*dayMinutes); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// fillers fill a file: ?1 are the wearers, ?2 is the day's first minute.
func fillers(class series.Class) []string {
	with := func(table string, n int, what string) string {
		return fmt.Sprintf(`WITH w(w) AS (SELECT 1 UNION ALL SELECT w + 1 FROM w WHERE w < ?1),
			i(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < %d) INSERT INTO %s SELECT %s FROM w, i WHERE ?2 >= 0`, n-1, table, what)
	}
	wearers := with("wearers", 1, `w, 'acme', format('w%04d', w)`)
	switch class {
	case series.Raw:
		return []string{
			wearers, with("runs", 1, `w, 'acme', format('d%04d', w), w`), with("worn", 1, `w, w`), with("seen", 1, `w, 0, x'0010'`),
			with("hours", benchHours, `(w << 28) + ?2 + 60 * i, 900, randomblob(6300)`),
		}
	case series.Rollups:
		return []string{
			wearers, with("rollups", benchMinutes, `(w << 28) + ?2 + i, 41500, 10000, 8500, 0, 30000, 20000, 12345, 0, 20345, 3000, 2000, 0, 400, 1, 600000`),
		}
	case series.Events, series.Office:
	}
	return []string{
		wearers,
		with("episodes", benchEpisodes, `w, hex(randomblob(8)), 'slouch', ?2 * 60000 + i * 600000, ?2 * 60000 + i * 600000 + 120000, 2, 'recovered', 120, 17.5, 0, 0, 2, '', 1000`),
		`INSERT INTO findings (wearer, episode, id, body) SELECT wearer, e.id, e.id || '-' || n, randomblob(500)
			FROM episodes e, (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) WHERE ?1 > 0 AND ?2 >= 0`,
	}
}

// BenchmarkErase erases a wearer of 1,000 from 30 days of readings, 400 of minutes and 90 of
// episodes.
func BenchmarkErase(b *testing.B) {
	dir := b.TempDir()
	s := closedTest(b, dir)
	fill(b, s, series.Raw, 30)
	fill(b, s, series.Rollups, 400)
	fill(b, s, series.Events, 90)
	b.Logf("the store has %d MB", size(b, s)>>20)
	n := 0
	for b.Loop() {
		n++
		done, err := s.Erase(b.Context(), org, schemas.MustID(fmt.Sprintf("w%04d", 7*n)), time.Now())
		if err != nil || done.Rollups != 400*benchMinutes || done.Readings != 30*benchHours*900 {
			b.Fatal(done, err)
		}
	}
}
