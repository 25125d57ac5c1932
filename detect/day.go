package detect

import "sitwell/schemas"

// The flags of a day.
const (
	// OneSidedFrom is the index of Day.Lean above which a day's leaning is
	// one-sided, and OneSidedAfter the seconds of leaning over 10 degrees under
	// which nothing is said. The band of 10 degrees is that of ISO 11226, the index
	// and the time are design defaults without a source.
	OneSidedFrom  = 0.6
	OneSidedAfter = 30 * 60.0
	// BentMuchFrom is the share of judged time bent forward by 60 degrees and more
	// above which a day is flagged: over 5 % of working time went with a relative
	// risk of low-back pain of 1.5 (Hoogendoorn and others, 2000).
	BentMuchFrom = 0.05
)

// Day is a wearer's day, or any other range, folded from its minute rollups. Times
// are in seconds, and those for which there was no reading are in none of them. The
// zero Day is empty; it has no clock and no zone: which minutes are of a day is the
// caller's to know.
type Day struct {
	Sitting, Standing, Moving, NotWorn float64
	// Upright, Slouched and Bent are judged posture: under 15 degrees of flexion,
	// from 15, and, being part of Slouched, from 60.
	Upright, Slouched, Bent float64
	// LeanLeft and LeanRight are judged posture of over 10 degrees to a side.
	LeanLeft, LeanRight float64
	// LongestBout is the longest sitting bout as it stood at a reading of the range;
	// one that began before the range counts with all of its length.
	LongestBout    float64
	Breaks, Shifts int
	LoadPeak       float64 // highest load budget, 0 to 1

	flexion float64 // sum of degrees times judged seconds
	seated  float64 // at most this long posture was judged on the seat
}

// Add counts one minute. Each minute must be added once, in any order.
func (d *Day) Add(r *schemas.Rollup) {
	judged := float64(r.Upright) + float64(r.Slouched)
	d.Sitting += float64(r.Sitting)
	d.Standing += float64(r.Standing)
	d.Moving += float64(r.Moving)
	d.NotWorn += float64(r.NotWorn)
	d.Upright += float64(r.Upright)
	d.Slouched += float64(r.Slouched)
	d.Bent += float64(r.Bent)
	d.LeanLeft += float64(r.LeanLeft)
	d.LeanRight += float64(r.LeanRight)
	d.LongestBout = max(d.LongestBout, float64(r.Bout))
	d.LoadPeak = max(d.LoadPeak, float64(r.LoadPeak))
	d.Breaks += r.Breaks
	d.Shifts += r.Shifts
	d.flexion += float64(r.Flexion) * judged
	d.seated += min(float64(r.Sitting), judged)
}

// Judged is the time in seconds of which posture was judged.
func (d *Day) Judged() float64 { return d.Upright + d.Slouched }

// SlouchedShare is slouched of judged time, 0 to 1; false where none was judged.
func (d *Day) SlouchedShare() (float64, bool) { return share(d.Slouched, d.Judged()) }

// Flexion is the mean trunk flexion in degrees; false where none was judged.
func (d *Day) Flexion() (float64, bool) { return share(d.flexion, d.Judged()) }

// BentShare is the share of judged time bent by 60 degrees and more, 0 to 1, and
// BentMuch whether that is flagged; false where none was judged.
func (d *Day) BentShare() (float64, bool) { return share(d.Bent, d.Judged()) }

// BentMuch reports whether the wearer was bent far forward for much of the time.
func (d *Day) BentMuch() bool {
	s, _ := d.BentShare()
	return s > BentMuchFrom
}

// LeanIndex is how one-sided the leaning was, |left - right| / (left + right), 0 to
// 1; false where there was none.
func (d *Day) LeanIndex() (float64, bool) {
	apart := max(d.LeanLeft, d.LeanRight) - min(d.LeanLeft, d.LeanRight)
	return share(apart, d.LeanLeft+d.LeanRight)
}

// OneSided is the side that the wearer leaned to for much more of the time than to
// the other, if there was enough of it to say; else "".
func (d *Day) OneSided() schemas.Cause {
	index, _ := d.LeanIndex()
	switch {
	case d.LeanLeft+d.LeanRight < OneSidedAfter || index <= OneSidedFrom:
		return ""
	case d.LeanLeft > d.LeanRight:
		return schemas.Left
	}
	return schemas.Right
}

// ShiftsAnHour is the posture shifts in an hour of sitting of which posture was
// judged: recorded people make 21. It is false under a quarter of an hour, of
// which no rate could be said.
func (d *Day) ShiftsAnHour() (float64, bool) {
	if d.seated < 15*60 {
		return 0, false
	}
	return share(float64(d.Shifts), d.seated/3600)
}

func share(part, whole float64) (float64, bool) {
	if whole <= 0 {
		return 0, false
	}
	return part / whole, true
}
