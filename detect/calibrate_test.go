package detect

import (
	"testing"
	"time"

	"sitwell/schemas"
)

// Poses that each lean a little further forward do not add up to a slouch.
func TestZerosDoNotCreep(t *testing.T) {
	var list []schemas.Item
	for i, deg := range []float64{0, 7, 14, 21, 10, 3, 14.4, 15.4} {
		up := leaned(deg, 0)
		list = append(list, calibrated(uint64(i), int64(i)*60_000, schemas.Seated, &up))
	}
	want := []float64{0, 7, 14, 14, 10, 3, 14.4, 14.4} // 21 and 15.4 are too far from the first
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	for i, it := range list {
		w.Take(batch([]schemas.Item{it}), out)
		if got := w.rules.Signals.Upright[0]; got != leaned(want[i], 0) {
			t.Errorf("after pose %d the zero is %v, want %v", i, got, leaned(want[i], 0))
		}
	}
	whole(t, out.Findings)
}

// A pose that is measured in the other one is refused; what a device has measured
// before is taken in any.
func TestTheOtherPoseIsRefused(t *testing.T) {
	up := leaned(0, 0)
	for _, tt := range []struct {
		name string
		seat seat
		pose schemas.Pose
		up   *[3]int16
		want schemas.Cause
	}{
		{"seated, sitting", onSeat, schemas.Seated, nil, ""},
		{"standing, sitting", onSeat, schemas.Standing, nil, schemas.WrongPose},
		{"standing, standing", onFeet, schemas.Standing, nil, ""},
		{"seated, standing", onFeet, schemas.Seated, nil, schemas.WrongPose},
		{"seated, nobody knows", nobodyKnows, schemas.Seated, nil, ""},
		{"given, of the other pose", onSeat, schemas.Standing, &up, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := []schemas.Item{acceleration(0, 0, up, tt.seat), calibrated(1, 100, tt.pose, tt.up)}
			for i := range 30 {
				list = append(list, acceleration(uint64(2+i), 500+int64(i)*500, up, tt.seat))
			}
			w, out := judge(list)
			got := schemas.Cause("")
			if len(out.Findings) > 0 {
				got = out.Findings[0].Cause
			}
			if got != tt.want || w.rules.Signals.has(tt.pose) != (tt.want == "") {
				t.Errorf("refused as %q, want %q; the zeros are %v", got, tt.want, w.rules.Signals.Upright)
			}
		})
	}
}

// An ask that nobody answers does not make receipts long.
func TestReceiptsStaySmallWhileSomebodyIsAsked(t *testing.T) {
	bad := [3]int16{0, 0, 1000}
	list := items(time.Second, walking(2))
	list = append(list, calibrated(3, 2000, schemas.Seated, &bad), event(4, 2100, schemas.Event{Type: schemas.EventBattery, Battery: 3}))
	for i, it := range items(time.Second, walking(7200), slouched(40)) {
		it.Seq, it.Time = uint64(5+i), it.Time+3000
		list = append(list, it)
	}
	_, out := judge(list)
	last := out.Findings[len(out.Findings)-1]
	if ago := last.Start.Sub(last.Receipt.From.Time); last.Rule != schemas.RuleSlouch || ago > time.Minute {
		t.Errorf("the receipt of a %s begins %s before it", last.Rule, ago)
	}
}

// Switched off and on again, a device lacks the zero it had: the wearer is asked for
// it a minute later, unless it was measured by then, or there never was one.
func TestANewRunIsAskedForItsZero(t *testing.T) {
	up := leaned(0, 0)
	for _, tt := range []struct {
		name          string
		before, again bool // calibrated in the first run, and soon in the second
		want          int
	}{
		{"had one", true, false, 2},
		{"had one, and has one", true, true, 0},
		{"never had one", false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, out := NewWearer(org, person, Always(Defaults())), &Output{}
			first := []schemas.Item{acceleration(1, 500, up, onSeat)}
			if tt.before {
				first = append(first, calibrated(2, 600, schemas.Seated, &up))
			}
			w.Take(batch(first), out)
			var next []schemas.Item
			for i := range 240 {
				next = append(next, acceleration(uint64(i), 1000+int64(i)*500, up, onSeat))
			}
			if tt.again {
				next[30] = calibrated(30, 16_000, schemas.Seated, &up)
			}
			b := batch(next)
			b.Boot++
			resumed(t, w).Take(b, out)
			if len(out.Findings) != tt.want {
				t.Fatalf("%d findings, want %d", len(out.Findings), tt.want)
			}
			for _, f := range out.Findings {
				if f.Cause != schemas.Rewear || !f.Time.Equal(eventTime(day0+61_000)) {
					t.Errorf("asked at %s because of %s", f.Time, f.Cause)
				}
			}
		})
	}
}
