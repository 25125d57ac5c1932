package seriestest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// name is what names a reading.
type name struct {
	device schemas.ID
	boot   uint32
	seq    uint64
}

func nameOf(r *series.Reading) name { return name{r.Device, r.Boot, r.Seq} }

// wantOnce wants each reading once, in order of time and then sequence, and the same ones
// where the range is asked in parts.
func wantOnce(t testing.TB, s series.Store, q series.Query, want int, cuts ...float64) {
	t.Helper()
	if err := once(t, s, q, want, cuts...); err != nil {
		t.Error(err)
	}
}

func once(t testing.TB, s series.Store, q series.Query, want int, cuts ...float64) error {
	t.Helper()
	whole, seen := stored(t, s, q), map[name]bool{}
	for i := range whole {
		r := &whole[i]
		if seen[nameOf(r)] {
			return fmt.Errorf("boot %d seq %d of %s is there twice", r.Boot, r.Seq, r.Device)
		}
		seen[nameOf(r)] = true
		if i > 0 && (whole[i-1].Time > r.Time || whole[i-1].Time == r.Time && whole[i-1].Seq > r.Seq) {
			return fmt.Errorf("reading %d is out of order", i)
		}
	}
	if len(whole) != want {
		return fmt.Errorf("%d readings are stored, want %d: %v", len(whole), want, seqs(whole))
	}
	var parts []series.Reading
	part := q
	for _, to := range append(slices.Clone(cuts), q.To.Sub(monday).Seconds()) {
		part.To = after(to)
		parts = append(parts, stored(t, s, part)...)
		part.From = part.To
	}
	if len(parts)+len(whole) > 0 && !reflect.DeepEqual(parts, whole) {
		return fmt.Errorf("asked in parts from %v the readings are\n%v, as a whole\n%v", cuts, seqs(parts), seqs(whole))
	}
	return nil
}

// onceOnly: (device, boot, seq) names a reading, also where it came again with another
// time.
func onceOnly(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	repeats := series.Repeats.Seconds()
	mustAppend(t, s, raw(1, run(1, readings(10, 5, 0, 30)...)))
	mustAppend(t, s, raw(2, run(1, readings(10, 5, 0, 30)...)))                  // the same message again
	mustAppend(t, s, raw(3, run(1, reading(12, 60), reading(15, 150))))          // one of them in another message
	mustAppend(t, s, raw(4, run(1, reading(15, 150+repeats))))                   // at another time, as far off as it may be
	mustAppend(t, s, raw(5, run(1, reading(16, 180)), run(1, reading(16, 180)))) // twice in one append
	mustAppend(t, s, raw(6, run(2, reading(10, 210)), run(1, reading(9, 1))))    // another boot, and one before
	spares := run(1, reading(10, 240))                                           // another device
	spares.Device = spare
	mustAppend(t, s, raw(7, spares, run(1, reading(1<<40, 1270))))               // and a jump of the sequence
	mustAppend(t, s, raw(8, run(1, reading(1<<40-1, 271), reading(1<<40, 500)))) // around it, and at an earlier time
	want := func() {
		t.Helper()
		day := between(annOf, 0, 3600*24)
		wantOnce(t, s, day, 12, 1, 60, 60.001, 150, 151, 500, 501, 1000, 150+repeats, 151+repeats, 1270, 1271)
		got := seqs(stored(t, s, day))
		slices.Sort(got)
		if w := []uint64{9, 10, 10, 10, 11, 12, 13, 14, 15, 16, 1<<40 - 1, 1 << 40}; !slices.Equal(got, w) {
			t.Errorf("sequences are %v, want %v", got, w)
		}
	}
	want()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want()
}

// lawOnce: whatever comes in whatever order and however often, each sequence is there
// once, at a time it came with, over a reopening too.
func lawOnce(t *testing.T, open Open) {
	checkOnce(t, open, func(rt *rapid.T, r *series.Reading, came []float64) {
		if !slices.ContainsFunc(came, func(at float64) bool { return after(at).UnixMilli() == r.Time }) {
			rt.Fatalf("boot %d seq %d is stored at %v, and came %v s after %v", r.Boot, r.Seq, r.At(), came, monday)
		}
	})
}

// checkOnce appends what it draws and hands over each reading that is stored, with the
// times that it came with, in seconds after monday, in that order.
func checkOnce(t *testing.T, open Open, check func(rt *rapid.T, r *series.Reading, came []float64)) {
	t.Helper()
	dir, at := t.TempDir(), uint64(0)
	s := open(t, dir)
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		who, came := nextPerson(&at), map[name][]float64{}
		for range rapid.IntRange(1, 6).Draw(rt, "appends") {
			var batches []schemas.Batch
			for range rapid.IntRange(1, 3).Draw(rt, "batches") {
				b := who.run(rapid.Uint32Range(1, 2).Draw(rt, "boot"))
				for range rapid.IntRange(0, 12).Draw(rt, "items") {
					n := rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64Range(1<<16-4, 1<<16+4)).Draw(rt, "seq")
					sec := float64(rapid.IntRange(0, 300).Draw(rt, "at"))
					b.Items = append(b.Items, reading(n, sec))
					key := name{who.device, b.Boot, n}
					came[key] = append(came[key], sec)
				}
				batches = append(batches, b)
			}
			at++
			mustAppend(t, s, raw(at, batches...))
			if rapid.IntRange(0, 9).Draw(rt, "reopen") == 9 {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open(t, dir)
			}
		}
		if err := once(t, s, between(who.query(), 0, 301), len(came), float64(rapid.IntRange(0, 300).Draw(rt, "cut"))); err != nil {
			rt.Fatal(err)
		}
		for _, r := range stored(t, s, between(who.query(), 0, 301)) {
			check(rt, &r, came[nameOf(&r)])
		}
	})
}

// First proves a store that can tell which of several readings of one (device, boot, seq)
// arrived first, whosoever's: that one counts, and the rest is counted as repetitions.
func First(t *testing.T, open Open) {
	t.Helper()
	t.Run("what came first counts", func(t *testing.T) { first(t, open) })
	t.Run("any batches, the first of each", func(t *testing.T) {
		checkOnce(t, open, func(rt *rapid.T, r *series.Reading, came []float64) {
			if after(came[0]).UnixMilli() != r.Time {
				rt.Fatalf("boot %d seq %d is stored at %v, and first came %v s after %v", r.Boot, r.Seq, r.At(), came[0], monday)
			}
		})
	})
}

func first(t *testing.T, open Open) {
	s := opened(t, open)
	bobs := run(1, reading(10, 3), reading(11, 300)) // the device went to somebody else
	bobs.Wearer = bob
	for i, c := range []struct {
		batch      schemas.Batch
		duplicates int
	}{
		{run(1, readings(10, 5, 600, 30)...), 0},
		{run(1, readings(10, 5, 600, 30)...), 5},
		{run(1, reading(12, 1000), reading(13, 100), reading(15, 750)), 2},
		{bobs, 2},
		{run(1, reading(16, 1), reading(16, 2)), 1},
	} {
		got, err := s.Append(t.Context(), raw(uint64(i)+1, c.batch))
		if want := (series.Appended{Duplicates: c.duplicates}); err != nil || got != want {
			t.Errorf("append %d came to %+v, %v, want %+v", i, got, err, want)
		}
	}
	other := reading(10, 600)
	other.TrunkPitch = 999
	mustAppend(t, s, raw(9, run(1, other)))
	day := between(annOf, 0, 24*time.Hour.Seconds())
	wantSeqs(t, s, day, 16, 10, 11, 12, 13, 14, 15)
	if got := stored(t, s, day)[1]; got.Item != reading(10, 600) {
		t.Errorf("the reading is %+v, which did not come first", got.Item)
	}
	wantSeqs(t, s, between(series.Query{Org: acme, Wearer: bob}, 0, 24*time.Hour.Seconds()))
	wantStats(t, s, series.Stats{Readings: 7})
	if got := must[series.Stats](t)(s.Stats(t.Context())); got.Duplicates != 11 {
		t.Errorf("%d repetitions are counted, want 11", got.Duplicates)
	}
}
