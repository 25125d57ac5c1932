package detect

import (
	"fmt"
	"testing"
	"time"

	"sitwell/schemas"
)

// then adds an event or a reading some seconds behind the last item.
func then(list []schemas.Item, secs float64, it schemas.Item) []schemas.Item {
	last := list[len(list)-1]
	it.Seq, it.Time = last.Seq+1, last.Time+int64(secs*1000)
	return append(list, it)
}

func TestGoldenSudden(t *testing.T) {
	type movement = schemas.Event
	still, shorter := []spell{upright(10.5)}, []spell{upright(10)}
	tests := []struct {
		name   string
		before []spell
		is     movement
		want   schemas.Cause // "" is nothing
	}{
		{"a jerk of 180 degrees a second", still, movement{PeakRate: 180}, schemas.Sudden},
		{"just under", still, movement{PeakRate: 179}, ""},
		{"1 g off", still, movement{PeakAcc: 1000}, schemas.Sudden},
		{"just under", still, movement{PeakAcc: 999}, ""},
		{"a jerk within 300 ms", still, movement{PeakRate: 180, Lasted: 300}, schemas.Sudden},
		{"for longer it is no jerk", still, movement{PeakRate: 180, Lasted: 301}, ""},
		{"but fast, if it is far enough", still, movement{PeakRate: 180, Lasted: 301, Range: 15}, schemas.Fast},
		{"60 degrees a second, 15 degrees, 200 ms", still, movement{PeakRate: 60, Range: 15, Lasted: 200, Axis: schemas.Sagittal}, schemas.Fast},
		{"too slow", still, movement{PeakRate: 59, Range: 15, Lasted: 200, Axis: schemas.Sagittal}, ""},
		{"not far enough", still, movement{PeakRate: 60, Range: 14, Lasted: 200, Axis: schemas.Sagittal}, ""},
		{"too short", still, movement{PeakRate: 60, Range: 15, Lasted: 199, Axis: schemas.Sagittal}, ""},
		{"for how long is not said", still, movement{PeakRate: 60, Range: 15, Axis: schemas.Sagittal}, schemas.Fast},
		{"a twist of 50", still, movement{PeakRate: 50, Range: 15, Lasted: 200, Axis: schemas.Twist}, schemas.Fast},
		{"a twist of 49", still, movement{PeakRate: 49, Range: 15, Lasted: 200, Axis: schemas.Twist}, ""},
		{"10 s behind a walk", []spell{walking(4), upright(14)}, movement{PeakRate: 200}, schemas.Sudden},
		{"just under 10 s behind a walk", []spell{walking(4), upright(13.5)}, movement{PeakRate: 200}, ""},
		{"just under 10 s", shorter, movement{PeakRate: 200}, ""},
		{"while walking", []spell{upright(20), walking(2)}, movement{PeakRate: 200}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.is.Type = schemas.EventSuddenMovement
			list := then(items(500*time.Millisecond, tt.before...), 0.25, schemas.Item{Event: &tt.is})
			want := ``
			at := fmt.Sprint(float64(list[len(list)-1].Time-day0) / 1000)
			if is := string(tt.want); is != "" {
				if tt.want == schemas.Sudden {
					is += " severe"
				}
				want = fmt.Sprintf("%[1]s opened1 since %[1]s for 0 %[2]s\n%[1]s closed1 since %[1]s for 0 momentary at %[1]s %[2]s", at, is)
			}
			isGolden(t, schemas.RuleSudden, list, want)
		})
	}
}

// charged is a trace of readings a second apart with a battery of so many percent.
func charged(percent ...uint8) []schemas.Item {
	var list []schemas.Item
	for i, p := range percent {
		r := upright(0).reading(uint64(i+1), day0+int64(i)*1000)
		r.Battery = p
		r.Fields |= schemas.HasBattery
		list = append(list, schemas.Item{Reading: r})
	}
	return list
}

func TestGoldenBattery(t *testing.T) {
	event := schemas.Item{Event: &schemas.Event{Type: schemas.EventBattery, Battery: 15}}
	for _, tt := range []struct {
		name string
		list []schemas.Item
		want string
	}{
		{"16 percent", charged(17, 16, 16), ``},
		{"15 percent", charged(17, 16, 15, 14), `2 opened1 since 2 for 0`},
		{"15 percent by an event", then(charged(17, 16), 0.5, event), `1.5 opened1 since 1.5 for 0`},
		{"24 percent is not charged", charged(15, 24, 15), `0 opened1 since 0 for 0`},
		{"25 percent is", charged(15, 24, 25, 15), `
			0 opened1 since 0 for 0
			2 closed1 since 0 for 2 charged at 2
			3 opened1 since 3 for 0`},
	} {
		t.Run(tt.name, func(t *testing.T) { isGolden(t, schemas.RuleBattery, tt.list, tt.want) })
	}
}

// Somebody who took the device off is not offline.
func TestGoldenOfflineIsWorn(t *testing.T) {
	off := schemas.Item{Event: &schemas.Event{Type: schemas.EventWorn}}
	list := then(items(500*time.Millisecond, upright(1)), 0.1, off)
	isGolden(t, schemas.RuleOffline, then(list, 1000, schemas.Item{Reading: upright(0).reading(0, 0)}), ``)
}

// accTrace is spells as acc_g at two readings a second, with events a tenth of a
// second before the reading of their second.
func accTrace(events map[float64]schemas.Event, spells ...spell) []schemas.Item {
	var list []schemas.Item
	for _, it := range items(500*time.Millisecond, spells...) {
		if e, ok := events[float64(it.Time-day0)/1000]; ok {
			at := it.Time - 100
			list = append(list, schemas.Item{Reading: schemas.Reading{Time: at}, Event: &e})
		}
		r := &it.Reading
		r.Acc = leaned(float64(r.TrunkPitch)/10, float64(r.TrunkRoll)/10)
		r.TrunkPitch, r.TrunkRoll, r.Fields = 0, 0, r.Fields&^schemas.HasTrunk|schemas.HasAcc
		list = append(list, it)
	}
	for i := range list {
		list[i].Seq = uint64(i + 1)
	}
	return list
}

func TestGoldenCalibration(t *testing.T) {
	zero := func(pose schemas.Pose, deg float64) schemas.Event {
		up := leaned(deg, 0)
		return schemas.Event{Type: schemas.EventCalibrate, Pose: pose, Upright: &up}
	}
	type at = map[float64]schemas.Event
	measure := schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated}
	off, on := schemas.Event{Type: schemas.EventWorn}, schemas.Event{Type: schemas.EventWorn, Worn: true}
	flat := schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{0, 0, 1000}}
	walk := func(secs, deg float64) spell { return spell{secs: secs, pitch: deg, sd: 300, seat: onFeet} }
	for _, tt := range []struct {
		name   string
		events at
		spells []spell
		want   string
	}{
		{"taken", at{1: zero(schemas.Seated, 3), 2: measure}, []spell{upright(20)}, ``},
		{"along the sensor's back", at{1: flat}, []spell{upright(20)}, `
			0.9 opened1 since 0.9 for 0 degenerate
			0.9 escalated2 since 0.9 for 0 degenerate`},
		{"too few readings", at{1: measure}, []spell{upright(1.5), gap(15), upright(5)}, `
			16.5 opened1 since 16.5 for 0 too_few
			16.5 escalated2 since 16.5 for 0 too_few`},
		{"measured while walking", at{4: measure}, []spell{walking(20)}, `
			14 opened1 since 14 for 0 moving
			14 escalated2 since 14 for 0 moving`},
		{"given a while after walking", at{20: zero(schemas.Seated, 0)}, []spell{walking(5), gap(15), upright(5)}, ``},
		{"given while walking", at{4: zero(schemas.Seated, 0)}, []spell{walking(20)}, `
			3.9 opened1 since 3.9 for 0 moving
			3.9 escalated2 since 3.9 for 0 moving`},
		{"measured while turning about", at{1: measure}, []spell{upright(9), pitched(5, 15)}, `
			11 opened1 since 11 for 0 moving
			11 escalated2 since 11 for 0 moving`},
		{"a tenth of the readings may", at{1: measure}, []spell{upright(9), pitched(1, 15), upright(5)}, ``},
		{"14 degrees forward of the last", at{1: zero(schemas.Seated, 0), 5: zero(schemas.Seated, 14)}, []spell{upright(20)}, ``},
		{"15.5 degrees forward of the last", at{1: zero(schemas.Seated, 0), 5: zero(schemas.Seated, 15.5)}, []spell{upright(20)}, `
			4.9 opened1 since 4.9 for 0 slouched
			4.9 escalated2 since 4.9 for 0 slouched`},
		{"seated 29 degrees forward of standing", at{1: zero(schemas.Standing, 0), 5: zero(schemas.Seated, 29)}, []spell{upright(20)}, ``},
		{"seated 31 degrees forward of standing", at{1: zero(schemas.Standing, 0), 5: zero(schemas.Seated, 31)}, []spell{upright(20)}, `
			4.9 opened1 since 4.9 for 0 slouched
			4.9 escalated2 since 4.9 for 0 slouched`},
		{"standing 31 degrees behind seated", at{1: zero(schemas.Seated, 0), 5: zero(schemas.Standing, -31)}, []spell{upright(20)}, `
			4.9 opened1 since 4.9 for 0 slouched
			4.9 escalated2 since 4.9 for 0 slouched`},
		{"another cause asks anew, and a good pose closes it", at{1: flat, 5: zero(schemas.Seated, 0), 8: flat, 10: zero(schemas.Seated, 40)}, []spell{upright(20)}, `
			0.9 opened1 since 0.9 for 0 degenerate
			0.9 escalated2 since 0.9 for 0 degenerate
			4.9 closed2 since 0.9 for 4 calibrated at 4.9 degenerate
			7.9 opened1 since 7.9 for 0 degenerate
			7.9 escalated2 since 7.9 for 0 degenerate
			9.9 closed2 since 7.9 for 2 unknown at 9.9 degenerate
			9.9 opened1 since 9.9 for 0 slouched
			9.9 escalated2 since 9.9 for 0 slouched`},
		{"off for just under 10 s", at{1: zero(schemas.Seated, 0)}, []spell{upright(5), takenOff(9.5), upright(5)}, ``},
		{"off for 10 s", at{1: zero(schemas.Seated, 0)}, []spell{upright(5), takenOff(10), upright(5)}, `
			15 opened1 since 15 for 0 rewear
			15 escalated2 since 15 for 0 rewear`},
		{"off for just under 10 s by events", at{1: zero(schemas.Seated, 0), 5: off, 14: on}, []spell{upright(20)}, ``},
		{"off for 10 s by events", at{1: zero(schemas.Seated, 0), 5: off, 14.5: on}, []spell{upright(20)}, `
			14.5 opened1 since 14.5 for 0 rewear
			14.5 escalated2 since 14.5 for 0 rewear`},
		{"off for 10 s without a zero", at{}, []spell{upright(5), takenOff(10), upright(5)}, ``},
		{"the strap shifts by 14 degrees", at{1: zero(schemas.Standing, 0)}, []spell{upright(5), walk(25, 2), walk(100, 16)}, ``},
		{"somebody who lies does not walk", at{1: zero(schemas.Standing, 0)}, []spell{upright(5), walk(25, 2), walk(100, 50)}, ``},
		{"nor is moving on the seat walking", at{1: zero(schemas.Seated, 0)}, []spell{upright(5), {secs: 25, sd: 300}, {secs: 100, pitch: 20, sd: 300}}, ``},
		{"a piece of walking is 20 s in one", at{1: zero(schemas.Standing, 0)}, []spell{
			upright(5), walk(22, 2), walk(40, 20), standing(5), walk(15, 20), standing(5), walk(15, 20),
		}, ``},
		{"by 16 degrees for two walks", at{1: zero(schemas.Standing, 0)}, []spell{upright(5), walk(22, 2), walk(50, 18), walk(60, 2)}, ``},
		{"by 18 degrees for three", at{1: zero(schemas.Standing, 0)}, []spell{upright(5), walk(20, 2), walk(90, 20)}, `
			85 opened1 since 85 for 0 drift
			85 escalated2 since 85 for 0 drift`},
		{"and the new fit is taken, however it leans", at{1: zero(schemas.Standing, 0), 95: zero(schemas.Standing, 20)}, []spell{upright(5), walk(20, 2), walk(65, 20), {secs: 10, pitch: 20, seat: onFeet}}, `
			85 opened1 since 85 for 0 drift
			85 escalated2 since 85 for 0 drift
			94.9 closed2 since 85 for 9.9 calibrated at 94.9 drift`},
	} {
		t.Run(tt.name, func(t *testing.T) { isGolden(t, schemas.RuleCalibration, accTrace(tt.events, tt.spells...), tt.want) })
	}
}

// The reminder to drink is for those who asked; a break answers it.
func TestGoldenHydration(t *testing.T) {
	asked := Defaults()
	asked.Hydration, asked.HydrationEvery = true, time.Hour
	for _, tt := range []struct {
		name   string
		p      *Params
		spells []spell
		want   string
	}{
		{"nobody asked", Defaults(), []spell{upright(8000)}, ``},
		{"just under an hour", asked, []spell{upright(3600)}, ``},
		{"an hour", asked, []spell{upright(3601)}, `3600 opened1 since 3600 for 0`},
		{"not worn does not count", asked, []spell{upright(3000), takenOff(600), upright(600)}, ``},
		{"a gap does not count", asked, []spell{upright(3001), gap(600), upright(600)}, ``},
		{"a break begins anew", asked, []spell{upright(3400), walking(120), upright(3500)}, ``},
		{"and answers it", asked, []spell{upright(3600), walking(120), upright(10)}, `
			3600 opened1 since 3600 for 0
			3720 closed1 since 3600 for 120 break at 3720`},
		{"a gap of four hours does not begin anew", asked, []spell{upright(3001), gap(4*3600 - 1), upright(601)}, `18000 opened1 since 18000 for 0`},
		{"a gap of over four hours begins anew", asked, []spell{upright(3001), gap(4 * 3600), upright(3590)}, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			isGoldenFor(t, tt.p, schemas.RuleHydration, items(time.Second, tt.spells...), tt.want)
		})
	}
}

// A minute with something in every field.
func TestGoldenMinute(t *testing.T) {
	_, out := judge(items(500*time.Millisecond,
		upright(20), rolled(6, -10.1), rolled(4, 10.1), rolled(5, 10), pitched(10, 15), pitched(5, 60),
		pitched(4, -11), takenOff(3), walking(2), upright(1), upright(1)))
	if len(out.Rollups) != 1 {
		t.Fatalf("got %d minutes, want 1", len(out.Rollups))
	}
	got := out.Rollups[0]
	// Motion is a mean over 4 s, so that the last second still counts as moving.
	want := schemas.Rollup{
		Org: org, Wearer: person, Minute: day0 / minuteMS,
		Sitting: 55, NotWorn: 3, Moving: 2, Upright: 35, Slouched: 15, Flexion: 9,
		// Of 50 s judged 2.5 s lie above it: half of the five seconds of 60 to 61.
		FlexionP95: 60.5, LeanLeft: 6, LeanRight: 4, Bent: 5, LoadPeak: got.LoadPeak, Shifts: 4, Bout: got.Bout,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Bout < 54 || got.Bout > 60 || got.LoadPeak <= 0 || got.LoadPeak > 0.1 {
		t.Errorf("the bout is %g s, the load %g", got.Bout, got.LoadPeak)
	}
}
