package recording

import (
	"math"
	"time"

	"sitwell/schemas"
)

// Kind is the data set a recording belongs to.
type Kind string

// The data sets that are known.
const (
	Chest   Kind = "chest"   // 2 Hz, label 1 is seated
	Sternum Kind = "sternum" // irregular, with gaps; labels 1 and 2 are seated
)

// Row is a labelled measurement, in the axes of a reading's acc_g: x to the
// right, y up, z to the back. The sign of x is not stated by either source.
type Row struct {
	At    time.Duration // since the start of the recording
	Acc   [3]float64    // g
	Label int           // as the data set numbers it
	// MotionG is the standard deviation of the acceleration's magnitude in g, if
	// MotionKnown.
	MotionG     float64
	MotionKnown bool

	kind Kind
}

// Sitting is what the label says about sitting; known is false where it says
// nothing.
func (r *Row) Sitting() (sits, known bool) {
	switch {
	case r.Label == 0:
		return false, false
	case r.kind == Chest:
		return r.Label == 1, true
	}
	return r.Label == 1 || r.Label == 2, true
}

// Moving is what the label says about movement. Only walking and stairs, seated
// and standing are told apart in the chest recordings; the other labels mix both.
func (r *Row) Moving() (moves, known bool) {
	switch {
	case r.kind == Chest && (r.Label == 4 || r.Label == 5):
		return true, true
	case r.kind == Chest && (r.Label == 1 || r.Label == 3):
		return false, true
	}
	return false, false
}

// Pose is the upright direction of a posture, in g.
type Pose struct {
	Pose    schemas.Pose
	Upright [3]float64
}

// Recording is one recorded person.
type Recording struct {
	Name string // the file's, without folder and extension
	Kind Kind
	Rows []Row // in order of time; what was dropped is not among them
	// Poses are the calibration, sent as events before the first reading.
	Poses []Pose
	// Dropped is how many rows at the start were left out.
	Dropped int
	// Notes say what a reader of results has to know about this recording.
	Notes []string
}

// Duration is the time from the first row to the last.
func (r *Recording) Duration() time.Duration { return r.Rows[len(r.Rows)-1].At - r.Rows[0].At }

// Items is what the sensor would have sent had its first row been measured at
// base: the calibrate events first, then a reading for each row, in one sequence
// from 0.
func (r *Recording) Items(base time.Time) []schemas.Item {
	items := make([]schemas.Item, 0, len(r.Poses)+len(r.Rows))
	for i := range r.Poses {
		p := &r.Poses[i]
		upright := thousandths(p.Upright)
		item := schemas.Item{Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: p.Pose, Upright: &upright}}
		item.Seq, item.Time = uint64(i), base.UnixMilli()
		items = append(items, item)
	}
	for i := range r.Rows {
		items = append(items, schemas.Item{Reading: r.reading(i, base)})
	}
	return items
}

func (r *Recording) reading(i int, base time.Time) schemas.Reading {
	row := &r.Rows[i]
	out := schemas.Reading{
		Seq:  uint64(len(r.Poses) + i), //nolint:gosec // two lengths
		Time: base.Add(row.At - r.Rows[0].At).Round(time.Millisecond).UnixMilli(),
		Acc:  thousandths(row.Acc), Fields: schemas.HasAcc | schemas.IsWorn,
	}
	if row.MotionKnown {
		out.Fields |= schemas.HasMotion
		out.Motion = uint16(schemas.Thousandths(row.MotionG)) //nolint:gosec // a deviation of what is at most 16 g
	}
	if sits, known := row.Sitting(); known {
		out.Fields |= schemas.HasSitting
		if sits {
			out.Fields |= schemas.IsSitting
		}
	}
	return out
}

// Row is the row behind a sequence number, nil for an event's or none of ours.
func (r *Recording) Row(seq uint64) *Row {
	i := int(seq) - len(r.Poses) //nolint:gosec // a wrapped one is out of range
	if i < 0 || i >= len(r.Rows) {
		return nil
	}
	return &r.Rows[i]
}

// Account is the time that the labels tell, each interval given to its earlier row.
type Account struct {
	Seated  time.Duration // in intervals of at most the hold
	Other   time.Duration // not seated, in such intervals
	NoLabel time.Duration // sitting unknown, in such intervals
	Gaps    time.Duration // in longer intervals, of which nothing is known
	Longest time.Duration // the longest gap
}

// Account sums the labels' time; hold is the longest interval that still belongs
// to its earlier row.
func (r *Recording) Account(hold time.Duration) Account {
	var a Account
	for i := range r.Rows[:len(r.Rows)-1] {
		row := &r.Rows[i]
		d := r.Rows[i+1].At - row.At
		sits, known := row.Sitting()
		switch {
		case d > hold:
			a.Gaps += d
			a.Longest = max(a.Longest, d)
		case !known:
			a.NoLabel += d
		case sits:
			a.Seated += d
		default:
			a.Other += d
		}
	}
	return a
}

func thousandths(v [3]float64) [3]int16 {
	return [3]int16{schemas.Thousandths(v[0]), schemas.Thousandths(v[1]), schemas.Thousandths(v[2])}
}

// Seated is the forward flexion and the tilt, to whatever side, of each row
// labelled seated against the standing pose, in degrees.
func (r *Recording) Seated() (flexions, tilts []float64) {
	for i := range r.Poses {
		if r.Poses[i].Pose != schemas.Standing {
			continue
		}
		upright := r.Poses[i].Upright
		for j := range r.Rows {
			if sits, _ := r.Rows[j].Sitting(); sits {
				flexions = append(flexions, flexion(r.Rows[j].Acc, upright)*degrees)
				tilts = append(tilts, tilt(r.Rows[j].Acc, upright)*degrees)
			}
		}
	}
	return flexions, tilts
}

const degrees = 180 / math.Pi
