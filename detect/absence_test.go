package detect

import (
	"slices"
	"testing"
	"time"

	"sitwell/schemas"
)

const hourMS = 3_600_000

func event(seq uint64, at int64, e schemas.Event) schemas.Item {
	return schemas.Item{Reading: schemas.Reading{Seq: seq, Time: day0 + at}, Event: &e}
}

// chargedTo is a reading with the battery's charge.
func chargedTo(seq uint64, at int64, percent uint8) schemas.Item {
	it := schemas.Item{Reading: upright(0).reading(seq, day0+at)}
	it.Battery, it.Fields = percent, it.Fields|schemas.HasBattery
	return it
}

// whole fails if an episode is not opened once, closed at most once, and closed
// under the name it was opened.
func whole(t *testing.T, found []schemas.Finding) {
	t.Helper()
	open := map[string]schemas.Finding{}
	seen := map[string]bool{}
	for _, f := range found {
		if was, ok := open[f.Episode]; !ok && f.Step != schemas.Opened || ok && !was.Start.Equal(f.Start) {
			t.Errorf("%s %s of an episode since %s that was not opened", f.Rule, f.Step, f.Start)
		}
		open[f.Episode] = f
		if seen[f.ID] {
			t.Errorf("%s twice", f.ID)
		}
		seen[f.ID] = true
		if f.Step == schemas.Closed && (f.End.Before(f.Start) || f.Seconds < 0 || f.Time.Before(f.End)) {
			t.Errorf("%s lasts from %s to %s, told at %s, %g s", f.ID, f.Start, f.End, f.Time, f.Seconds)
		}
	}
}

// However long nobody was read, and whatever was open, episodes keep their names.
func TestLongAbsence(t *testing.T) {
	bad := [3]int16{0, 0, 1000}
	const day = 24 * hourMS
	for _, days := range []int64{1, 19, 20, 21, 24, 25, 26, 40, 49, 50, 60, 300} {
		for _, boot := range []uint32{7, 8} {
			list := items(500*time.Millisecond, slouched(1300), walking(1))
			n := uint64(len(list))
			list = append(list,
				event(n+1, 1_302_000, schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &bad}),
				event(n+2, 1_302_100, schemas.Event{Type: schemas.EventBattery, Battery: 5}))
			later := []schemas.Item{chargedTo(n+3, days*day, 9), chargedTo(n+4, days*day+2000, 90)}
			it := slouched(0).reading(n+5, day0+days*day+3000)
			it.SittingS, it.Fields = 1500, it.Fields|schemas.HasSittingS
			later = append(later, schemas.Item{Reading: it}, chargedTo(n+6, days*day+600_000, 90))
			w, out := NewWearer(org, person, Always(Defaults())), &Output{}
			w.Take(batch(list), out)
			b := batch(later)
			b.Boot = boot
			resumed(t, w).Take(b, out)
			whole(t, out.Findings)
			for _, rule := range []schemas.Rule{schemas.RuleSlouch, schemas.RuleHold, schemas.RuleLoad, schemas.RuleBattery} {
				i := slices.IndexFunc(out.Findings, func(f schemas.Finding) bool { return f.Rule == rule && f.Step == schemas.Closed })
				if i < 0 {
					t.Errorf("after %d days, boot %d: %s is still open", days, boot, rule)
				}
			}
		}
	}
}

// A device that lies on a chair for weeks sits for ever. Its bout is ended now and
// then, and begins anew.
func TestEndlessBout(t *testing.T) {
	var list []schemas.Item
	for hour := range int64(24 * 70) {
		it := upright(0).reading(uint64(hour), day0+hour*hourMS)
		it.SittingS, it.Fields = uint32(hour*3600), it.Fields|schemas.HasSittingS
		list = append(list, schemas.Item{Reading: it})
	}
	_, out := judge(list)
	whole(t, out.Findings)
	closed := 0
	for _, f := range out.Findings {
		if f.Rule == schemas.RuleSitting && f.Step == schemas.Closed {
			closed++
			if lasted := f.End.Sub(f.Start); lasted > 22*24*time.Hour {
				t.Errorf("a bout of %s", lasted)
			}
		}
	}
	if closed != 3 {
		t.Errorf("%d bouts ended in 70 days, want 3", closed)
	}
}

// Event time does not run back between an event and a reading either.
func TestEventsAheadOfReadings(t *testing.T) {
	bad, good := [3]int16{0, 0, 1000}, leaned(0, 0)
	_, out := judge([]schemas.Item{
		chargedTo(1, 0, 50), chargedTo(2, 1000, 50),
		event(3, 1500, schemas.Event{Type: schemas.EventBattery, Battery: 10}), chargedTo(4, 1300, 90),
		event(5, 3000, schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &bad}),
		event(6, 2999, schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &good}),
	})
	whole(t, out.Findings)
	if len(out.Findings) != 5 {
		t.Errorf("%d findings, want 5", len(out.Findings))
	}
}

// Right after a sudden movement nobody holds still: a second one, also at the same
// time by a clock that was set back, is no other episode.
func TestSuddenMovementsInARow(t *testing.T) {
	list := items(time.Second, upright(30))
	jerk := schemas.Event{Type: schemas.EventSuddenMovement, PeakRate: 100, Range: 20}
	list = append(list, event(31, -20_000, jerk), event(32, -10_000, schemas.Event{Type: schemas.EventSuddenMovement, PeakRate: 400, Range: 90}))
	_, out := judge(list)
	whole(t, out.Findings)
	if len(out.Findings) != 2 {
		t.Errorf("%d findings, want 2", len(out.Findings))
	}
}

// Measured after the device was put on and before its first reading, a zero is of
// the present wear: it stays, and that of the other pose goes.
func TestCalibratedBeforeTheFirstReading(t *testing.T) {
	up := leaned(0, 0)
	pose := func(seq uint64, at int64, pose schemas.Pose) schemas.Item { return calibrated(seq, at, pose, &up) }
	list := []schemas.Item{
		pose(1, 0, schemas.Seated), pose(2, 100, schemas.Standing), acceleration(3, 500, leaned(20, 0), onSeat),
		event(4, 2000, schemas.Event{Type: schemas.EventWorn}), event(5, 602_000, schemas.Event{Type: schemas.EventWorn, Worn: true}),
		pose(6, 612_000, schemas.Seated), acceleration(7, 612_500, leaned(20, 0), onSeat),
	}
	w, out := judge(list)
	if got := w.rules.Signals.Upright; got != [2][3]int16{up, {}} || len(out.Findings) != 0 {
		t.Errorf("the zeros are %v, %d findings", got, len(out.Findings))
	}
}

// A pose that comes behind its readings counts from then on, which a receipt from
// before it could not prove: receipts begin behind it.
func TestReceiptsBeginBehindALatePose(t *testing.T) {
	up := leaned(0, 0)
	var list []schemas.Item
	for i := range uint64(420) {
		list = append(list, acceleration(2+i, 500+int64(i)*500, leaned(20, 0), onSeat))
	}
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	w.Take(batch(list[:20]), out)
	w.Take(batch([]schemas.Item{calibrated(1, 0, schemas.Seated, &up)}), out)
	w.Take(batch(list[20:]), out)
	if len(out.Findings) != 2 || out.LateItems != 1 {
		t.Fatalf("%d findings and %d late, want 2 and 1", len(out.Findings), out.LateItems)
	}
	for _, f := range out.Findings {
		again, err := Resume(org, person, f.Receipt.From, f.Receipt.State, Always(Defaults()))
		if err != nil {
			t.Fatal(err)
		}
		got := &Output{}
		again.Retrace(batch(list[f.Receipt.From.Seq-2:f.Receipt.To.Seq-1]), got)
		if !slices.ContainsFunc(got.Findings, func(g schemas.Finding) bool { return g.ID == f.ID && g.Seconds == f.Seconds }) {
			t.Errorf("%s is not found again", f.ID)
		}
	}
}
