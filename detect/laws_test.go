package detect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// habits draws a day of one wearer: spells of every kind, of lengths that are
// likely to cross thresholds, at a spacing that may be too slow for Hold.
func habits(t *rapid.T) []schemas.Item {
	kind := rapid.Custom(func(t *rapid.T) spell {
		s := spell{
			secs:  rapid.SampledFrom([]float64{1, 4.5, 5, 9.5, 10, 30, 61, 119.5, 120, 400, 1300}).Draw(t, "secs"),
			pitch: rapid.SampledFrom([]float64{-20, -10.1, -10, 0, 9.9, 10, 12, 15, 20, 40}).Draw(t, "pitch"),
			sd:    rapid.SampledFrom([]int{-1, 0, 0, 0, 99, 101, 300}).Draw(t, "sd"),
			seat:  rapid.SampledFrom([]seat{onSeat, onSeat, onSeat, onFeet, nobodyKnows}).Draw(t, "seat"),
		}
		s.off = rapid.IntRange(0, 9).Draw(t, "off") == 0
		s.gap = rapid.IntRange(0, 9).Draw(t, "gap") == 0
		return s
	})
	step := rapid.SampledFrom([]time.Duration{500 * time.Millisecond, time.Second, 4 * time.Second}).Draw(t, "step")
	list := items(step, rapid.SliceOfN(kind, 1, 12).Draw(t, "spells")...)
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	fromAcc := rng.IntN(3) == 0
	for i := range list {
		it := &list[i]
		switch r := &it.Reading; {
		case rng.IntN(200) == 0:
			up := leaned(float64(rng.IntN(30)), 0)
			it.Event = &schemas.Event{Type: schemas.EventCalibrate, Pose: []schemas.Pose{schemas.Seated, schemas.Standing}[rng.IntN(2)]}
			if rng.IntN(2) == 0 {
				it.Event.Upright = &up
			}
			it.Reading = schemas.Reading{Seq: r.Seq, Time: r.Time}
		case fromAcc:
			r.Acc = leaned(float64(r.TrunkPitch)/10, float64(rng.IntN(5)))
			r.TrunkPitch, r.Fields = 0, r.Fields&^schemas.HasTrunk|schemas.HasAcc
		}
	}
	return list
}

// verdict is all that others see of a wearer's judging.
type verdict struct {
	Findings []schemas.Finding
	Rollups  []schemas.Rollup
	Open     schemas.Rollup
	Postures []Posture
}

// bare takes the receipts off, which name places and times.
func bare(v verdict) verdict {
	v.Findings = slices.Clone(v.Findings)
	for i := range v.Findings {
		v.Findings[i].Receipt = nil
	}
	return v
}

func verdictOf(w *Wearer, out *Output) verdict {
	open, _ := w.OpenMinute()
	return verdict{out.Findings, out.Rollups, open, out.Postures}
}

func plain(list []schemas.Item) verdict { return verdictOf(judge(list)) }

// difference says where two verdicts part.
func difference(got, want verdict) string {
	for i := range min(len(got.Findings), len(want.Findings)) {
		if g, w := got.Findings[i], want.Findings[i]; !reflect.DeepEqual(g, w) {
			return fmt.Sprintf("finding %d is\n%+v %+v\nwant\n%+v %+v", i, g, g.Receipt, w, w.Receipt)
		}
	}
	for i := range min(len(got.Rollups), len(want.Rollups)) {
		if g, w := got.Rollups[i], want.Rollups[i]; g != w {
			return fmt.Sprintf("rollup %d is\n%+v\nwant\n%+v", i, g, w)
		}
	}
	for i := range min(len(got.Postures), len(want.Postures)) {
		if g, w := got.Postures[i], want.Postures[i]; g != w {
			return fmt.Sprintf("posture %d is\n%+v\nwant\n%+v", i, g, w)
		}
	}
	return fmt.Sprintf("%d findings, %d rollups, %d postures, open %+v; want %d, %d, %d, %+v", len(got.Findings), len(got.Rollups),
		len(got.Postures), got.Open, len(want.Findings), len(want.Rollups), len(want.Postures), want.Open)
}

func same(t *rapid.T, what string, got, want verdict) {
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s changed the verdict: %s", what, difference(got, want))
	}
}

// Deliveries up to just under 2 minutes out of order, each up to three times,
// in batches cut anywhere, with a checkpoint taken and brought back at any
// point: nothing of it changes anything.
func TestDeliveryChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		if len(list) == 0 {
			return
		}
		want := plain(list)
		disorder := rapid.Int64Range(0, 119_999).Draw(t, "disorder_ms")
		copies := rapid.IntRange(1, 3).Draw(t, "copies")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		type delivery struct {
			item schemas.Item
			at   int64
		}
		var deliveries []delivery
		for i, it := range list {
			for range copies {
				at := it.Time
				if i > 0 && disorder > 0 { // the first item of a boot comes first
					at += rng.Int64N(disorder + 1)
				}
				deliveries = append(deliveries, delivery{it, at})
			}
		}
		slices.SortStableFunc(deliveries, func(a, b delivery) int { return int(a.at - b.at) })
		w, out := NewWearer(org, person, Always(Defaults())), &Output{Trace: true}
		for len(deliveries) > 0 {
			n := 1 + rng.IntN(min(len(deliveries), 200))
			var part []schemas.Item
			for _, d := range deliveries[:n] {
				part = append(part, d.item)
			}
			deliveries = deliveries[n:]
			w.Take(batch(part), out)
			clear(part)
			if rng.IntN(10) == 0 {
				w = resumed(t, w)
			}
		}
		if out.LateItems != 0 || out.Gaps != 0 {
			t.Fatalf("late %d, gaps %d, want none", out.LateItems, out.Gaps)
		}
		if got := out.Duplicates + out.Judged; got != len(list)*copies {
			t.Fatalf("judged %d and dropped %d of %d", out.Judged, out.Duplicates, len(list)*copies)
		}
		same(t, "delivery", verdictOf(w, out), want)
	})
}

func resumed(t interface{ Fatal(...any) }, w *Wearer) *Wearer {
	b, err := w.AppendState(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeWearer(b, w.timeline)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// A day that is whole minutes later is judged alike.
func TestShiftInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		want := bare(plain(list))
		minutes := rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "minutes")
		shift := minutes * minuteMS
		for i := range list {
			list[i].Time += shift
		}
		got := bare(plain(list))
		for i := range got.Findings {
			f := &got.Findings[i]
			back := -time.Duration(shift) * time.Millisecond
			f.Start, f.Time = f.Start.Add(back), f.Time.Add(back)
			if f.Step == schemas.Closed {
				f.End = f.End.Add(back)
			}
			id := schemas.EpisodeID(org, person, f.Rule, f.Start)
			f.ID, f.Episode = id+f.ID[len(f.Episode):], id
		}
		for i := range got.Rollups {
			got.Rollups[i].Minute -= minutes
		}
		if got.Open.Minute != 0 {
			got.Open.Minute -= minutes
		}
		for i := range got.Postures {
			got.Postures[i].Time -= shift
		}
		same(t, "a shift", got, want)
	})
}

// Readings lost for good cost themselves and nothing else: what is behind the
// holes is judged as if the lost ones had never been counted.
func TestLostReadings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		if len(list) == 0 {
			return
		}
		kept := list[:1:1]
		for _, it := range list[1:] {
			if rng.IntN(20) > 0 {
				kept = append(kept, it)
			}
		}
		last := kept[len(kept)-1].Time + 10*minuteMS
		for i := range int64(2) { // proves that the last holes are gaps
			it := schemas.Item{Reading: takenOff(0).reading(uint64(len(list)+1)+uint64(i), last+2*i*minuteMS)}
			kept = append(kept, it)
		}
		got := bare(plain(kept))
		dense := slices.Clone(kept)
		for i := range dense {
			dense[i].Seq = uint64(i)
		}
		want := bare(plain(dense))
		for i := range want.Findings {
			want.Findings[i].Seq = kept[want.Findings[i].Seq].Seq
		}
		for i := range want.Postures {
			want.Postures[i].Seq = kept[want.Postures[i].Seq].Seq
		}
		same(t, "loss", got, want)
	})
}

// Episodes are well formed: opened, then escalated level by level, then closed,
// one at a time for a rule, and no finding is before what it tells.
func TestEpisodesAreWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		open := map[schemas.Rule]schemas.Finding{}
		ids := map[string]bool{}
		for _, f := range plain(habits(t)).Findings {
			if ids[f.ID] {
				t.Fatalf("%s twice", f.ID)
			}
			ids[f.ID] = true
			was, isOpen := open[f.Rule]
			ok := isOpen == (f.Step != schemas.Opened) && !f.Time.Before(f.Start) && f.Seconds >= 0
			if isOpen {
				ok = ok && was.Episode == f.Episode && !f.Time.Before(was.Time)
			}
			switch f.Step {
			case schemas.Opened:
				ok = ok && f.Level == 1
				open[f.Rule] = f
			case schemas.Escalated:
				ok = ok && f.Level == was.Level+1
				open[f.Rule] = f
			case schemas.Risen:
				ok = ok && f.Level == was.Level && f.Level > 1 && f.Rule == schemas.RuleSitting
			case schemas.Raised:
				ok = ok && f.Level == was.Level && f.Severity > was.Severity && f.Rule == schemas.RuleSlouch
				open[f.Rule] = f
			case schemas.Closed:
				ok = ok && f.Level == was.Level && f.Outcome != "" && !f.End.Before(f.Start) && !f.End.After(f.Time)
				delete(open, f.Rule)
			}
			if !ok {
				t.Fatalf("%+v after %+v", f, was)
			}
		}
	})
}
