package detect

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

func TestTimeline(t *testing.T) {
	at := func(s int) time.Time { return time.UnixMilli(day0).Add(time.Duration(s) * time.Second) }
	b := Defaults()
	b.SlouchDeg = 20
	tl := NewTimeline(Revision{"b", at(100), b}, Revision{"a", at(50), Defaults()}, Revision{"c", at(200), Defaults()})
	for s, want := range map[int]string{0: "a", 50: "a", 99: "a", 100: "b", 199: "b", 200: "c", 1e6: "c"} {
		if version, _ := tl.At(at(s)); version != want {
			t.Errorf("after %d s it is %s, want %s", s, version, want)
		}
	}
	if _, p := tl.At(at(150)); p.SlouchDeg != 20 {
		t.Errorf("slouch_deg is %g, want 20", p.SlouchDeg)
	}
}

// A revision counts from its own event time: what is judged before it is as if it
// were not there, and whether it is known from the start or only just in time
// makes no difference.
func TestRevisionsCountFromTheirTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		if len(list) < 2 {
			return
		}
		p := Defaults()
		p.SlouchDeg, p.UprightDeg, p.SlouchNudge, p.LeanDeg = 20, 12, time.Minute, 8
		p.SittingLevels[0], p.Hydration, p.HydrationEvery = 10*time.Minute, true, time.Hour
		from := time.UnixMilli(list[rapid.IntRange(1, len(list)-1).Draw(t, "from")].Time)
		timeline := NewTimeline(Revision{Version: DefaultVersion, Params: Defaults()}, Revision{Version: "org1", From: from, Params: p})

		known, out := NewWearer(org, person, timeline), &Output{Trace: true}
		known.Take(batch(list), out)
		want := verdictOf(known, out)

		told, out := NewWearer(org, person, Always(Defaults())), &Output{Trace: true}
		n := 0
		for n < len(list) && list[n].Time < from.UnixMilli() {
			n++
		}
		told.Take(batch(list[:n]), out)
		before := len(out.Findings)
		told.Follow(timeline)
		told.Take(batch(list[n:]), out)
		same(t, "when a revision was told", verdictOf(told, out), want)

		for i, f := range out.Findings {
			version := DefaultVersion
			if i >= before {
				version = "org1"
			}
			if f.Receipt.Parameters != version {
				t.Fatalf("finding %d names %s, want %s", i, f.Receipt.Parameters, version)
			}
		}
	})
}

func TestTunablesHoldTheirBounds(t *testing.T) {
	for _, tn := range Tunables() {
		p := Defaults()
		if got := p.Get(tn.Key); got != tn.Default || tn.Doc == "" || tn.Rule == "" {
			t.Errorf("%s is %s by default, want %s: %+v", tn.Key, got, tn.Default, tn)
		}
		if err := p.Set(tn.Key, tn.Default); err != nil {
			t.Errorf("%s: its own default: %v", tn.Key, err)
		}
		if tn.Unit == Switch {
			if err := p.Set(tn.Key, "yes"); !errors.Is(err, ErrParams) || !strings.Contains(err.Error(), "on or off") {
				t.Errorf("%s: yes gave %v", tn.Key, err)
			}
			continue
		}
		for _, bound := range []float64{tn.Least, tn.Most} {
			if err := p.Set(tn.Key, tn.Bound(bound)); err != nil {
				t.Errorf("%s: its bound %s: %v", tn.Key, tn.Bound(bound), err)
			}
		}
		was := p.Get(tn.Key)
		for _, bad := range []float64{math.Nextafter(tn.Least, -1), tn.Most * 1.001, -1} {
			text := tn.Bound(bad)
			if tn.Unit == Duration {
				text = (time.Duration(bad*float64(time.Second)) - time.Millisecond).String()
				if bad > tn.Most {
					text = (time.Duration(tn.Most*float64(time.Second)) + time.Millisecond).String()
				}
			}
			err := p.Set(tn.Key, text)
			if !errors.Is(err, ErrParams) || !strings.Contains(err.Error(), tn.Key) || !strings.Contains(err.Error(), tn.Bound(tn.Least)+" to "+tn.Bound(tn.Most)) {
				t.Errorf("%s: %s gave %v, want the bounds named", tn.Key, text, err)
			}
		}
		for _, bad := range []string{"NaN", "Inf", "-Inf", "", "many", "1e400"} {
			if err := p.Set(tn.Key, bad); !errors.Is(err, ErrParams) {
				t.Errorf("%s: %q gave %v", tn.Key, bad, err)
			}
		}
		if p.Get(tn.Key) != was {
			t.Errorf("%s: a refused value changed it to %s", tn.Key, p.Get(tn.Key))
		}
	}
	if err := Defaults().Set("slouch", "3"); !errors.Is(err, ErrParams) || !strings.Contains(err.Error(), "slouch_deg") {
		t.Errorf("an unknown key gave %v", err)
	}
}

// Fields that contradict each other are not believed, counted, and change nothing
// else of the reading.
func TestContradictions(t *testing.T) {
	tests := []struct {
		name   string
		change func(*schemas.Reading)
		want   Posture
	}{
		{
			"steps while the sensor lies still", func(r *schemas.Reading) { r.Fields, r.Steps = r.Fields|schemas.HasSteps, 9 },
			Posture{Worn: true, MotionKnown: true, Sitting: true, SittingKnown: true},
		},
		{
			"sitting, and a bout of nothing", func(r *schemas.Reading) { r.Fields |= schemas.HasSittingS },
			Posture{Worn: true, MotionKnown: true},
		},
		{
			"standing, and a bout", func(r *schemas.Reading) { r.Fields, r.SittingS = r.Fields&^schemas.IsSitting|schemas.HasSittingS, 60 },
			Posture{Worn: true, MotionKnown: true},
		},
		{"steps of a device that is not worn", func(r *schemas.Reading) {
			r.Fields, r.Steps, r.Motion = r.Fields&^schemas.IsWorn|schemas.HasSteps, 9, 300
		}, Posture{MotionKnown: true, Moving: true, Sitting: true, SittingKnown: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := items(time.Second, upright(2))
			tt.change(&list[1].Reading)
			_, out := judge(list)
			p := out.Postures[1]
			got := Posture{Worn: p.Worn, MotionKnown: p.MotionKnown, Moving: p.Moving, Sitting: p.Sitting, SittingKnown: p.SittingKnown}
			if got != tt.want || out.Contradictions != 1 {
				t.Errorf("got %+v and %d contradictions, want %+v and 1", got, out.Contradictions, tt.want)
			}
		})
	}
}
