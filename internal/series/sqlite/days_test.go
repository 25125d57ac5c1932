package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// An episode is found on the last day that it lasts until, however many files lie between.
func TestLongEpisode(t *testing.T) {
	s := closedTest(t, t.TempDir())
	opened := testFinding("0123456789abcdef", schemas.Opened, nil)
	closed := testFinding("0123456789abcdef", schemas.Closed, nil)
	closed.Time = benchStart.AddDate(0, 0, 40)
	closed.End = closed.Time.Add(-time.Hour)
	for i, f := range []schemas.Finding{opened, closed} {
		if _, err := s.Append(t.Context(), series.Batch{Stream: schemas.StreamFindings, Seq: uint64(i) + 1, Findings: []schemas.Finding{f}}); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range map[time.Duration]int{0: 1, 20 * 24 * time.Hour: 1, 40*24*time.Hour - time.Hour - time.Second: 1, 40*24*time.Hour - time.Hour: 0} {
		from := benchStart.Add(after)
		got, err := s.Episodes(t.Context(), series.Query{Org: org, Wearer: ann, From: from, To: from.Add(time.Minute)})
		if err != nil || len(got) != want {
			t.Errorf("%v later there are %+v, %v, want %d", after, got, err, want)
		}
	}
	if err := s.Retain(t.Context(), series.DefaultRetention(), benchStart.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if days, err := s.reaching(t.Context(), benchStart.AddDate(0, 0, 39).UnixMilli(), benchStart.AddDate(0, 0, 40).UnixMilli()); err != nil || len(days) != 0 {
		t.Errorf("days are %v, %v, of files that are gone", days, err)
	}
}

// A mark that spans months is put into the files that there are, and a usual one into each day.
func TestMarksOfManyDays(t *testing.T) {
	s := closedTest(t, t.TempDir())
	day := dayOf(benchStart.UnixMilli())
	readings := batchOf(1, 0, 10)
	run := readings.Readings[0]
	for i := range readings.Readings[0].Items {
		readings.Readings[0].Items[i].Time += int64(i) * 20 * dayMillis
	}
	if _, err := s.Append(t.Context(), readings); err != nil {
		t.Fatal(err)
	}
	mark := schemas.Late{Org: run.Org, Wearer: run.Wearer, Device: run.Device, Boot: run.Boot, First: 0, Last: 9, From: benchStart.UnixMilli(), To: benchStart.AddDate(0, 0, 180).UnixMilli()}
	short := mark
	short.First, short.Last, short.From, short.To = 100, 100, benchStart.AddDate(0, 0, 300).UnixMilli(), benchStart.AddDate(0, 0, 302).UnixMilli()
	appendMarks(t, s, 1, mark, short)
	late := 0
	q := series.Query{Org: org, Wearer: run.Wearer, From: benchStart, To: benchStart.AddDate(1, 0, 0)}
	if err := s.Readings(t.Context(), q, func(r series.Reading) error {
		if r.Late {
			late++
		}
		return nil
	}); err != nil || late != 10 {
		t.Errorf("%d are late, %v, want 10", late, err)
	}
	days, err := s.everyDay(series.Raw)
	if err != nil || len(days) != 10+3 || days[12] != day+302 {
		t.Errorf("there are files of %v, %v", days, err)
	}
	for _, ends := range [][2]int64{{-5, -1}, {1 << 62, -1 << 62}, {maxMillis, 1 << 62}} { // whatever a log may hold
		mark.From, mark.To = ends[0], ends[1]
		if days, err := s.markDays(&mark); err != nil || len(days) == 0 || days[0] < 0 || days[len(days)-1] > maxDay {
			t.Errorf("a mark from %d to %d is of %v, %v", ends[0], ends[1], days, err)
		}
	}
}

// Days that are removed are gone for whoever reads them, in this process and in others, and
// can be made again.
func TestRemovedDays(t *testing.T) {
	dir := t.TempDir()
	a, b := closedTest(t, dir), closedTest(t, dir)
	seq := uint64(0)
	for range 3 {
		seq++
		if _, err := a.Append(t.Context(), overMidnight(seq, 0, 600)); err != nil {
			t.Fatal(err)
		}
		wantReadings(t, b, 600, 0)
		q := series.Query{Org: org, Wearer: schemas.MustID("w001"), From: benchStart, To: benchStart.AddDate(0, 0, 9)}
		n := 0
		if err := b.Readings(t.Context(), q, func(series.Reading) error {
			if n++; n == 1 { // the first day is being read
				return a.Retain(t.Context(), series.DefaultRetention(), benchStart.AddDate(0, 0, 31))
			}
			return nil
		}); err != nil || n < 300 {
			t.Errorf("%d readings are found, %v", n, err)
		}
		wantReadings(t, a, 300, 0)
		wantReadings(t, b, 300, 0)
		if err := a.Retain(t.Context(), series.DefaultRetention(), benchStart.AddDate(0, 2, 0)); err != nil {
			t.Fatal(err)
		}
		wantReadings(t, b, 0, 0)
	}
	for name := range filesOf(t, dir) {
		if filepath.Dir(name) == "raw" {
			t.Errorf("%s is left", name)
		}
	}
}

// More files than are kept open, and each is closed whole.
func TestManyDays(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	const days = 3 * openFiles
	for i := range uint64(days) {
		b := batchOf(i+1, i*10, 10)
		for j := range b.Readings[0].Items {
			b.Readings[0].Items[j].Time += int64(i) * dayMillis
		}
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.pool.files); n > openFiles+2 {
		t.Errorf("%d files are open", n)
	}
	logs := 0
	for name := range filesOf(t, dir) {
		if filepath.Ext(name) == ".db-wal" {
			logs++
		}
	}
	if logs > openFiles+2 {
		t.Errorf("%d logs are there", logs)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Readings != 10*days {
		t.Errorf("stats are %+v, %v", stats, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, closedTest(t, dir))
}

// The shell reads minutes in units, and what there is of readings.
func TestViews(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	r := busyMinute(ann, benchStart.Unix()/60)
	for _, b := range []series.Batch{{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{r}}, batchOf(1, 0, 15)} {
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for class, want := range map[series.Class]string{
		series.Rollups: fmt.Sprintf("acme ann 2026-11-02T09:00Z %g", r.Sitting),
		series.Raw:     "acme w001 2026-11-02T09:00Z 15",
	} {
		db, err := sql.Open("sqlite", address(s.pathOf(fileKey{class, dayOf(benchStart.UnixMilli())}), "ro"))
		if err != nil {
			t.Fatal(err)
		}
		text := `SELECT format('%s %s %s %g', org, wearer, minute, sitting_s) FROM rollups_view`
		if class == series.Raw {
			text = `SELECT format('%s %s %s %d', org, wearer, start, readings) FROM readings_view WHERE span = 'minute' AND bytes > 0`
		}
		var got string
		if err := db.QueryRowContext(t.Context(), text).Scan(&got); err != nil || got != want {
			t.Errorf("the view of %s tells %q, %v, want %q", class, got, err, want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseDay(t *testing.T) {
	for name, want := range map[string]int64{"1970-01-01.db": 0, "2026-11-02.db": 20759} {
		if day, ok := parseDay(name); !ok || day != want {
			t.Errorf("%s is day %d, %v, want %d", name, day, ok, want)
		}
	}
	for _, name := range []string{"1969-12-31.db", "2026-11-02.db-wal", "2026-11-02.db.new", "2026-11-2.db", "x.db", ".db", "2026-02-30.db", "9999-01-01.db"} {
		if day, ok := parseDay(name); ok {
			t.Errorf("%s is taken for day %d", name, day)
		}
	}
}
