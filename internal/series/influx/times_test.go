package influx

import (
	"testing"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// A reading's place comes back from its point, whatever it is.
func TestPlaceOfAReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms, boot := rapid.Int64Range(minMillis, maxMillis).Draw(t, "ms"), rapid.Uint32().Draw(t, "boot")
		seq := rapid.Uint64Range(0, schemas.MaxSeq).Draw(t, "seq")
		gotMS, gotSeq := placeOf(readingAt(ms, boot, seq), boot, int64(seq/uint64(nanosInMilli)))
		if gotMS != ms || gotSeq != seq {
			t.Fatalf("%d of boot %d at %d ms comes back as %d at %d ms", seq, boot, ms, gotSeq, gotMS)
		}
		if next := seq + rapid.Uint64Range(1, uint64(nanosInMilli)-1).Draw(t, "on"); readingAt(ms, boot, next) == readingAt(ms, boot, seq) {
			t.Fatalf("%d and %d of boot %d are one point", seq, next, boot)
		}
	})
}

// What covers more of a minute is a later point of it, and of the same extent it is the
// same one.
func TestPlaceOfAMinute(t *testing.T) {
	extent := rapid.Custom(func(t *rapid.T) [2]int64 {
		return [2]int64{rapid.Int64Range(0, mostCovered).Draw(t, "covered"), rapid.Int64Range(0, mostJudged).Draw(t, "judged")}
	})
	rapid.Check(t, func(t *rapid.T) {
		minute := rapid.Int64Range(0, maxMinute).Draw(t, "minute")
		a, b := extent.Draw(t, "a"), extent.Draw(t, "b")
		pa, pb := minuteAt(minute, a[0], a[1]), minuteAt(minute, b[0], b[1])
		if minuteOf(pa) != minute {
			t.Fatalf("minute %d comes back as %d", minute, minuteOf(pa))
		}
		more := a[0] > b[0] || a[0] == b[0] && a[1] > b[1]
		if more != (pa > pb) || (a == b) != (pa == pb) {
			t.Fatalf("%v is at %d and %v at %d", a, pa, b, pb)
		}
	})
	if minuteOf(minuteAt(maxMinute, 1<<40, 1<<40)) != maxMinute || minuteOf(minuteAt(3, -5, -5)) != 3 {
		t.Error("an extent that cannot be leaves its minute")
	}
}
