package sqlite

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// The content of testdata's files: two episodes of ann's from benchStart on, the
// first over after 2 min, the other last told of at 90 s.
var (
	ann                 = schemas.MustID("ann")
	endedOne, openOne   = "5f0c7f3f2b1d9e01", "a1b2c3d4e5f60718"
	annsRun             = uint32(2654435761)
	annsDevice          = schemas.MustID("d001")
	annsHour            = series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(time.Hour)}
	testdataVersions    = []string{"version1.sql", "version2.sql", "version3.sql"}
	lastToldOfOpenFirst = 90 * time.Second
)

// olderStore opens a file as the build of an older layout left it.
func olderStore(t *testing.T, dump string) *Store {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", dump))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	alter(t, filepath.Join(dir, OldFileName), string(text))
	return closedTest(t, dir)
}

// A file of an older layout keeps all that it has.
func TestOlderFileIsBroughtUp(t *testing.T) {
	for _, dump := range testdataVersions {
		t.Run(dump, func(t *testing.T) {
			s := olderStore(t, dump)
			ctx := t.Context()
			n := uint64(0)
			if err := s.Readings(ctx, annsHour, func(r series.Reading) error {
				if r.Seq != n || r.Late || r.Device != annsDevice || r.Boot != annsRun {
					t.Errorf("reading %d is %+v", n, r)
				}
				n++
				return nil
			}); err != nil || n != 6 {
				t.Errorf("%d readings, %v, want 6", n, err)
			}
			minute := benchStart.Unix() / 60
			wantRollups := []schemas.Rollup{
				{Org: org, Wearer: ann, Minute: minute, Sitting: 41.5, Standing: 10, Moving: 8.5, Upright: 30.25, Slouched: 21.25, Flexion: 12.375, Breaks: 1},
				{Org: org, Wearer: ann, Minute: minute + 1, NotWorn: 60},
			}
			if got, err := s.Rollups(ctx, annsHour); err != nil || !reflect.DeepEqual(got, wantRollups) {
				t.Errorf("rollups are %+v, %v, want %+v", got, err, wantRollups)
			}
			wantEpisodes := []series.Episode{
				{ID: endedOne, Rule: schemas.RuleSlouch, Start: benchStart, End: benchStart.Add(2 * time.Minute), Level: 2, Outcome: schemas.Recovered, Seconds: 180, FlexionDeg: 17.5},
				{ID: openOne, Rule: schemas.RuleSlouch, Start: benchStart, Level: 1, Seconds: 90, FlexionDeg: 17.5},
			}
			if got, err := s.Episodes(ctx, annsHour); err != nil || !reflect.DeepEqual(got, wantEpisodes) {
				t.Errorf("episodes are %+v, %v, want %+v", got, err, wantEpisodes)
			}
			if got, err := s.Findings(ctx, org, endedOne); err != nil || len(got) != 0 {
				t.Errorf("findings are %+v, %v", got, err)
			}
			got, err := s.Stats(ctx)
			got.Bytes = 0
			if want := (series.Stats{Readings: 6, Rollups: 3, Episodes: 2, Decisions: 1}); err != nil || got != want {
				t.Errorf("stats are %+v, %v, want %+v", got, err, want)
			}
			for stream, want := range map[string]uint64{schemas.StreamReadings: 3, schemas.StreamRollups: 4, schemas.StreamFindings: 7, schemas.StreamNudges: 2} {
				if at, err := s.Position(ctx, stream); err != nil || at != (series.Position{Seq: want}) {
					t.Errorf("position of %s is %+v, %v, want %d of a log that is not known", stream, at, err, want)
				}
			}
		})
	}
}

// A file of version 1 learns when episodes were last told of.
func TestOlderFileOpenEpisodes(t *testing.T) {
	for _, dump := range testdataVersions {
		s := olderStore(t, dump)
		for after, want := range map[time.Duration]int{0: 2, time.Hour: 1, series.OpenFor + lastToldOfOpenFirst - time.Second: 1, series.OpenFor + lastToldOfOpenFirst: 0} {
			from := benchStart.Add(after)
			got, err := s.Episodes(t.Context(), series.Query{Org: org, Wearer: ann, From: from, To: from.Add(time.Hour)})
			if err != nil || len(got) != want {
				t.Errorf("%s: %v later there are %v, %v, want %d", dump, after, got, err, want)
			}
		}
	}
}

// A file of an older layout takes all that a new one takes.
func TestOlderFileGoesOn(t *testing.T) {
	for _, dump := range testdataVersions {
		t.Run(dump, func(t *testing.T) {
			s := olderStore(t, dump)
			ctx := t.Context()
			escalated := testFinding(openOne, schemas.Escalated, nil)
			minute := benchStart.Unix() / 60
			full := schemas.Rollup{
				Org: org, Wearer: ann, Minute: minute, Sitting: 60, Upright: 60, FlexionP95: 20.5, LeanLeft: 3, LeanRight: 4, Bent: 5, LoadPeak: 0.625, Shifts: 2, Bout: 600,
			}
			for _, b := range []series.Batch{
				{
					Stream: schemas.StreamRollups, Seq: 5, Rollups: []schemas.Rollup{full},
					Late: []schemas.Late{{Org: org, Wearer: ann, Device: annsDevice, Boot: annsRun, First: 2, Last: 3, From: benchStart.UnixMilli(), To: benchStart.UnixMilli()}},
				},
				{Stream: schemas.StreamFindings, Seq: 8, Findings: []schemas.Finding{escalated}},
			} {
				if _, err := s.Append(ctx, b); err != nil {
					t.Fatal(err)
				}
			}
			var late []uint64
			if err := s.Readings(ctx, annsHour, func(r series.Reading) error {
				if r.Late {
					late = append(late, r.Seq)
				}
				return nil
			}); err != nil || !reflect.DeepEqual(late, []uint64{2, 3}) {
				t.Errorf("late are %v, %v", late, err)
			}
			if got, err := s.Rollups(ctx, annsHour); err != nil || len(got) != 2 || got[0] != full {
				t.Errorf("rollups are %+v, %v, want first %+v", got, err, full)
			}
			if got, err := s.Findings(ctx, org, openOne); err != nil || !reflect.DeepEqual(got, []schemas.Finding{escalated}) {
				t.Errorf("findings are %+v, %v, want %+v", got, err, escalated)
			}
			want := series.Episode{
				ID: openOne, Rule: schemas.RuleSlouch, Start: benchStart, Level: 2, Seconds: 120, FlexionDeg: 17.5,
				Severity: schemas.Moderate, Cause: schemas.Left,
			}
			if got, err := s.Episodes(ctx, annsHour); err != nil || len(got) != 2 || got[1] != want {
				t.Errorf("episodes are %+v, %v, want last %+v", got, err, want)
			}
			if err := s.Replace(ctx, annsHour, series.Rebuilt{}); err != nil {
				t.Fatal(err)
			}
			got, err := s.Stats(ctx)
			got.Bytes = 0
			if want := (series.Stats{Readings: 6, Rollups: 1, Decisions: 1}); err != nil || got != want {
				t.Errorf("stats are %+v, %v, want %+v", got, err, want)
			}
		})
	}
}
