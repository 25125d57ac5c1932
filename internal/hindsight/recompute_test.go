package hindsight

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// withheld delivers batches so that a stretch of them comes only behind the others
// of the same day, too late to be judged.
func withheld(batches []schemas.Batch, from, to time.Time) (list []schemas.Batch) {
	var kept []schemas.Batch
	for i, b := range batches {
		if t := b.Items[0].Time; t >= from.UnixMilli() && t < to.UnixMilli() {
			kept = append(kept, b)
		} else {
			list = append(list, b)
		}
		if next := i + 1; next == len(batches) || batches[next].Items[0].Time-b.Items[0].Time > 4*3_600_000 {
			list = append(list, kept...)
			kept = nil
		}
	}
	return list
}

// tales are a day's minutes and findings, apart from where their proofs begin.
func (w *world) tales(t *testing.T, n int) string {
	t.Helper()
	b, err := w.stored(t.Context(), series.Query{Org: acme, Wearer: anna, From: at(n, 0, 0), To: at(n+1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, r := range b.rollups {
		text.Write(must(t)(asJSON(asStored(r))))
	}
	for _, f := range b.all() {
		text.Write(tale(f))
		text.WriteByte('\n')
	}
	return text.String()
}

// A day that is rebuilt with what came late is the day that live would have made of
// it in time; its findings prove themselves, the days around stay, and doing it
// again changes nothing.
func TestRecomputeIsAsIfNothingHadBeenLate(t *testing.T) {
	timeline := detect.Always(detect.Defaults())
	all := days(11, 3)
	ideal, w := newWorld(t, at(9, 0, 0), timeline), newWorld(t, at(9, 0, 0), timeline)
	ideal.deliver(t, all...)
	ideal.end(t)
	w.deliver(t, withheld(all, at(1, 9, 0), at(1, 9, 40))...)
	w.end(t)
	if w.late == 0 || w.tales(t, 1) == ideal.tales(t, 1) {
		t.Fatalf("%d readings are late, and make no difference", w.late)
	}
	others := w.snapshot(t, at(0, 0, 0), at(1, 0, 0)) + w.snapshot(t, at(2, 0, 0), at(3, 0, 0))
	r := w.recompute(t, 1)
	if !r.Changed() || r.Late != w.late || r.Unplaced != 0 || r.Episodes == 0 || r.EpisodesBefore == 0 {
		t.Errorf("%d were late: %+v", w.late, r)
	}
	if got, want := w.tales(t, 1), ideal.tales(t, 1); got != want {
		t.Errorf("rebuilt:\n%s\nin time:\n%s", got, want)
	}
	if now := w.snapshot(t, at(0, 0, 0), at(1, 0, 0)) + w.snapshot(t, at(2, 0, 0), at(3, 0, 0)); now != others {
		t.Error("the days around are different")
	}
	rebuilt := w.snapshot(t, at(1, 0, 0), at(2, 0, 0))
	if again := w.recompute(t, 1); again.Changed() || w.snapshot(t, at(1, 0, 0), at(2, 0, 0)) != rebuilt {
		t.Errorf("the second time: %+v", again)
	}
	late := 0
	b, err := w.stored(t.Context(), series.Query{Org: acme, Wearer: anna, From: at(0, 0, 0), To: at(3, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.all() {
		if proved(t, w, &f, Same).Replay.Recomputed {
			late++
		}
	}
	if late == 0 {
		t.Error("no finding is proved by late readings")
	}
}

// What began before midnight belongs to the day before and stays, whatever is
// rebuilt; a day's last minute is whole though it is told of in the next one.
func TestMidnight(t *testing.T) {
	w := newWorld(t, at(4, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, over(at(0, 22, 0), at(1, 2, 0))...)
	w.end(t)
	var across string
	for _, f := range w.findings {
		if f.Rule == schemas.RuleSitting && f.Start.Before(at(1, 0, 0)) {
			across = f.Episode
		}
	}
	for n := range 2 {
		r := w.recompute(t, n)
		if r.Changed() || r.Minutes != 120 {
			t.Errorf("day %d: %+v", n, r)
		}
	}
	b, err := w.stored(t.Context(), series.Query{Org: acme, Wearer: anna, From: at(0, 0, 0), To: at(1, 0, 0)})
	if err != nil || len(b.findings[across]) != 3 {
		t.Errorf("the bout over midnight is told by %d findings: %v", len(b.findings[across]), err)
	}
}

// over is somebody who sits for hours, leaning every now and then.
func over(from, to time.Time) (batches []schemas.Batch) {
	b := schemas.Batch{Device: belt, Boot: 1}
	for t := from; t.Before(to); t = t.Add(500 * time.Millisecond) {
		pitch := int16(50)
		if t.Minute()%10 < 3 {
			pitch = 240
		}
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: uint64(len(b.Items)), Time: t.UnixMilli(), TrunkPitch: pitch, Motion: 10,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}})
	}
	for chunk := range slices.Chunk(b.Items, 100) {
		batches = append(batches, schemas.Batch{Device: belt, Boot: 1, Received: chunk[99].Time, Items: chunk})
	}
	return batches
}

func TestRecomputeRefuses(t *testing.T) {
	w := newWorld(t, at(1, 20, 0), detect.Always(detect.Defaults()))
	w.deliver(t, days(3, 2)...)
	w.append(t, series.Batch{Stream: "all", Seq: w.seq + 1, Rollups: []schemas.Rollup{
		{Org: acme, Wearer: anna, Minute: at(-3, 12, 0).Unix() / 60, Sitting: 60},
	}})
	for name, c := range map[string]struct {
		wearer schemas.ID
		day    time.Time
		says   string
	}{
		"today":                    {anna, dayOf(1), "2026-11-18 00:00 CET"},
		"tomorrow":                 {anna, dayOf(2), "is not over"},
		"long ago":                 {anna, dayOf(-40), "30 days"},
		"readings are gone":        {anna, dayOf(-3), "nothing to rebuild the day from"},
		"nothing was ever stored":  {anna, dayOf(-5), "No readings of anna on 2026-11-11 are stored, so"},
		"nobody":                   {schemas.MustID("bob"), dayOf(0), "no wearer bob"},
		"a stranger's":             {acme, dayOf(0), "no wearer acme"},
		"the first day of history": {anna, time.Time{}, "30 days"},
	} {
		before := w.snapshot(t, at(-50, 0, 0), at(5, 0, 0))
		_, err := w.Recompute(t.Context(), acme, c.wearer, c.day, nil)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
		if w.snapshot(t, at(-50, 0, 0), at(5, 0, 0)) != before {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// A job that is cancelled changes nothing.
func TestCancelledRecomputeChangesNothing(t *testing.T) {
	w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
	all := days(5, 2)
	w.deliver(t, withheld(all, at(1, 9, 0), at(1, 9, 40))...)
	before := w.snapshot(t, at(0, 0, 0), at(3, 0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	_, err := w.Recompute(ctx, acme, anna, dayOf(1), func(done, total time.Duration) {
		if told++; done <= 0 || done > total {
			t.Errorf("%v of %v is done", done, total)
		}
		if told == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || w.snapshot(t, at(0, 0, 0), at(3, 0, 0)) != before {
		t.Errorf("cancelled after %d steps: %v", told, err)
	}
}
