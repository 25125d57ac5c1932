package transfer

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// of what fill makes of so many days.
func counts(d int64) Counts {
	bobs := (d + 1) / 2
	days := 3*d + bobs
	return Counts{
		Readings: 340*d + 7*bobs, Rollups: 30 * days, Episodes: 2 * days, Findings: 4 * days, Decisions: 3 * days, Aggregates: 4 * d,
	}
}

func TestEverythingIsCopied(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	var shown []Progress
	report, err := Copy(t.Context(), Options{From: from, To: to, Exact: true, Progress: func(p Progress) { shown = append(shown, p) }})
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	wantSame(t, from, to)
	want := counts(days)
	want.Late = report.From.Late
	if report.From != want || report.To != want || report.From.Late == 0 {
		t.Errorf("the report counts %+v and %+v, want %+v", report.From, report.To, want)
	}
	// Each wearer's last finding day reaches no further than its start; bob's has a gap.
	units := 3*days + 3
	if report.Wearers != 4 || report.Units != units || report.Resumed+report.Again+report.Erased+report.Refused+report.Expired > 0 || report.Anew {
		t.Errorf("the report is %+v", report)
	}
	wantProgress(t, shown, units)

	report, err = Copy(t.Context(), Options{From: from, To: to, Exact: true})
	if err != nil || report.Resumed != units || report.Again > 0 || report.To != want {
		t.Errorf("a second copy came to %+v, %v", report, err)
	}
	wantSame(t, from, to)
}

func wantProgress(t *testing.T, shown []Progress, units int) {
	t.Helper()
	last := Progress{Phase: Copying, Done: -1}
	for _, p := range shown {
		forward := p.Done == last.Done+1 && p.Readings >= last.Readings && !p.Day.Before(last.Day)
		if p.Phase != last.Phase {
			forward = p.Phase == Verifying && p.Done == 0 && last.Done == units
		}
		if !forward || p.All != units {
			t.Errorf("after %+v comes %+v of %d", last, p, units)
		}
		last = p
	}
	if last.Phase != Verifying || last.Done != units || last.Readings != counts(days).Readings {
		t.Errorf("the last is %+v, want all %d to be verified", last, units)
	}
}

func TestNothingIsCopied(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	report, err := Copy(t.Context(), Options{From: from, To: to, Orgs: []schemas.ID{acme}})
	if err != nil || !reflect.DeepEqual(report, Report{}) {
		t.Errorf("the copy of an empty store came to %+v, %v", report, err)
	}
	// Aggregates are left where nobody's days are.
	start := monday
	if err := from.PutAggregates(t.Context(), []series.Aggregate{{Org: acme, Window: series.Week, Start: start, End: start.AddDate(0, 0, 7), Breaks: 1}}); err != nil {
		t.Fatal(err)
	}
	if report, err = Copy(t.Context(), Options{From: from, To: to, Orgs: []schemas.ID{acme}}); err != nil || report.To.Aggregates != 1 {
		t.Errorf("the copy of an aggregate came to %+v, %v", report, err)
	}
	wantSame(t, from, to)
}

// faulty is a store whose appends fail, or lose readings without saying so.
type faulty struct {
	series.Store

	appends, failAt int
	lose            bool
	stop            func()
}

var errFault = errors.New("a fault")

func (f *faulty) Append(ctx context.Context, b series.Batch) (series.Appended, error) {
	f.appends++
	if f.appends == f.failAt {
		return series.Appended{}, errFault
	}
	if f.lose && len(b.Readings) > 0 {
		b.Readings = b.Readings[1:]
	}
	done, err := f.Store.Append(ctx, b)
	if f.stop != nil {
		f.stop()
	}
	return done, err
}

// A copy that fails again and again, also in the middle of a unit, is whole in the end, and
// brings only the unit again that it was at.
func TestBrokenOffCopyGoesOn(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	const limit = 8 << 10
	whole := &faulty{Store: open(t, t.TempDir())}
	if _, err := run(t.Context(), Options{From: from, To: whole}, limit); err != nil {
		t.Fatalf("copy: %v", err)
	}
	resumed, appends := 0, 0
	for {
		f := &faulty{Store: to, failAt: 11} // of one unit there are 7 at most
		report, err := run(t.Context(), Options{From: from, To: f}, limit)
		appends += f.appends
		if report.Resumed < resumed {
			t.Fatalf("%d units are there after %d", report.Resumed, resumed)
		}
		resumed = report.Resumed
		if err == nil {
			break
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("the error is %v", err)
		}
		if appends > 10*whole.appends {
			break
		}
	}
	if resumed == 0 || appends <= whole.appends || appends > 4*whole.appends {
		t.Errorf("%d appends were made, %d units were there before the last try; a whole copy takes %d", appends, resumed, whole.appends)
	}
	wantSame(t, from, to)
}

func TestCancelledCopyGoesOn(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := run(ctx, Options{From: from, To: &faulty{Store: to, stop: cancel}}, 8<<10); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled copy gave %v", err)
	}
	if at, err := to.Position(t.Context(), schemas.StreamReadings); err != nil || at != (series.Position{}) {
		t.Errorf("before all is there the position is %+v, %v", at, err)
	}
	report, err := run(t.Context(), Options{From: from, To: to, Exact: true}, 8<<10)
	if err != nil {
		t.Fatalf("copy: %v, %+v", err, report)
	}
	wantSame(t, from, to)
}

// What comes to the source while, or after, it is copied is copied with the next try.
func TestSourceGoesOn(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, 2)
	if _, err := Copy(t.Context(), Options{From: from, To: to}); err != nil {
		t.Fatalf("copy: %v", err)
	}
	more := schemas.Batch{Org: acme, Wearer: schemas.MustID("ann"), Device: schemas.MustID("new"), Boot: 9}
	more.Items = []schemas.Item{{Reading: schemas.Reading{Seq: 1, Time: monday.Add(20 * time.Hour).UnixMilli(), Fields: schemas.IsWorn}}}
	if _, err := from.Append(t.Context(), series.Batch{Stream: schemas.StreamReadings, Log: "log", Seq: 100, Readings: []schemas.Batch{more}}); err != nil {
		t.Fatal(err)
	}
	report, err := Copy(t.Context(), Options{From: from, To: to, Exact: true})
	if err != nil || report.Again != 1 || report.Anew || report.Resumed != report.Units {
		t.Errorf("the same days with one more reading came to %+v, %v", report, err)
	}
	wantSame(t, from, to)

	fill(t, from, "log", 2, 3) // sequence 3 is behind that of the readings
	if err := from.Rewind(t.Context(), schemas.StreamReadings); err != nil {
		t.Fatal(err)
	}
	fill(t, from, "log", 0, days)
	report, err = Copy(t.Context(), Options{From: from, To: to, Exact: true})
	if err != nil || !report.Anew || report.Resumed > 0 {
		t.Errorf("more days came to %+v, %v", report, err)
	}
	if got, want := contents(t, to), contents(t, from); len(got) != len(want) {
		t.Errorf("there are %d parts, want %d", len(got), len(want))
	}
}

func TestOtherLogIsRefused(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, 1)
	fill(t, to, "another", 0, 1)
	before, err := to.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), Options{From: from, To: to}); !errors.Is(err, ErrOtherLog) {
		t.Errorf("the error is %v, want %v", err, ErrOtherLog)
	}
	if after, err := to.Stats(t.Context()); err != nil || after != before {
		t.Errorf("stats are %+v, %v, before %+v", after, err, before)
	}
}

func TestErasedStaysErased(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	ann := schemas.MustID("ann")
	if _, err := to.Erase(t.Context(), acme, ann, monday.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	report, err := Copy(t.Context(), Options{From: from, To: to, Exact: true})
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	lost := int(report.From.Readings + report.From.Rollups + report.From.Findings + report.From.Decisions -
		report.To.Readings - report.To.Rollups - report.To.Findings - report.To.Decisions)
	if report.Again != days || lost < 300*days || report.Erased < lost || report.Refused+report.Expired > 0 {
		t.Errorf("the report is %+v, %d things of an erased wearer are not there", report, lost)
	}
	if _, err := from.Erase(t.Context(), acme, ann, monday.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	wantSame(t, from, to)
}

// Somebody is erased in the source after they were copied, before the copy ends or after:
// the next look at both says who has to be erased in the destination, too.
func TestWhoIsErasedMeanwhileIsNamed(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	ann := schemas.MustID("ann")
	o := Options{From: from, To: to, Progress: func(p Progress) {
		if p.Phase == Verifying && p.Done == p.All {
			if _, err := from.Erase(t.Context(), acme, ann, monday.AddDate(1, 0, 0)); err != nil {
				t.Error(err)
			}
		}
	}}
	for range 2 {
		report, err := Copy(t.Context(), o)
		if err != nil || len(report.Gone) != 1 || report.Gone[0] != (Wearer{acme, ann}) {
			t.Errorf("gone are %v, %v", report.Gone, err)
		}
	}
}

func TestWhatIsTooOldIsLeftOut(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	now := monday.AddDate(0, 0, days).Add(-time.Hour)
	keep := series.Retention{series.Raw: day, series.Events: 2 * day, series.Rollups: 3 * day, series.Office: 2 * day}
	report, err := Copy(t.Context(), Options{From: from, To: to, Keep: keep, Now: now, Exact: true})
	if err != nil || report.Again > 0 {
		t.Fatalf("copy: %+v, %v", report, err)
	}
	if err := from.Retain(t.Context(), keep, now); err != nil {
		t.Fatal(err)
	}
	wantSame(t, from, to)
}

// A store that loses what it is given is found out.
func TestLossIsNoticed(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, days)
	_, err := Copy(t.Context(), Options{From: from, To: &faulty{Store: to, lose: true}})
	if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "acme/ann on 2026-11-02") {
		t.Errorf("the error is %v, want %v that names a day", err, ErrDiffers)
	}
	if at, err := to.Position(t.Context(), schemas.StreamReadings); err != nil || at != (series.Position{}) {
		t.Errorf("of a copy that failed the position is %+v, %v", at, err)
	}
}

// Two stores that have as much, and not the same.
func TestOtherContentIsNoticed(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	one := series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{{Org: acme, Wearer: schemas.MustID("ann"), Minute: monday.Unix() / 60, Sitting: 30}}}
	if _, err := from.Append(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	one.Rollups[0].Sitting = 40 // it covers more, and stays
	if _, err := to.Append(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), Options{From: from, To: to}); err != nil {
		t.Errorf("as much is there, and the error is %v", err)
	}
	if _, err := Copy(t.Context(), Options{From: from, To: to, Exact: true}); !errors.Is(err, ErrDiffers) {
		t.Errorf("the error is %v, want %v", err, ErrDiffers)
	}
}

// untold is a store of episodes without findings.
type untold struct{ series.Store }

func (untold) Findings(context.Context, schemas.ID, string) ([]schemas.Finding, error) {
	return nil, nil
}

func TestEpisodeWithoutFindingsIsTold(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	fill(t, from, "log", 0, 1)
	if _, err := Copy(t.Context(), Options{From: untold{from}, To: to, Exact: true}); err != nil {
		t.Fatalf("copy: %v", err)
	}
	q := series.Query{Org: acme, Wearer: schemas.MustID("ann"), From: monday, To: monday.AddDate(0, 0, 2)}
	want, err := from.Episodes(t.Context(), q)
	if err != nil || len(want) != 2 {
		t.Fatalf("episodes are %+v, %v", want, err)
	}
	got, err := to.Episodes(t.Context(), q)
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("episodes are %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatCannotBeCopied(t *testing.T) {
	s := open(t, t.TempDir())
	for name, o := range map[string]Options{
		"nothing":                    {},
		"nowhere":                    {From: s},
		"itself":                     {From: s, To: s},
		"a retention without a time": {From: s, To: open(t, t.TempDir()), Keep: series.DefaultRetention()},
		"no retention":               {From: s, To: open(t, t.TempDir()), Keep: series.Retention{}, Now: monday},
	} {
		if _, err := Copy(t.Context(), o); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}
