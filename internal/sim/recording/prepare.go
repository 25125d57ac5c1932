package recording

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"sitwell/schemas"
)

const (
	// settling is the start of a chest recording, in which the sensor is being
	// put on: its rows are dropped.
	settling = 30 * time.Second
	// spreadOver is the window of rows before a sternum row whose spread is taken
	// for its motion, and spreadRows how many it takes to see any.
	spreadOver = 2 * time.Second
	spreadRows = 4
)

// prepareChest drops the start and finds the two upright poses. Nobody was asked
// to sit upright, so that the seated one is a stand-in.
func prepareChest(r *Recording) error {
	start := slices.IndexFunc(r.Rows, func(row Row) bool { return row.At >= settling })
	if start < 0 || len(r.Rows)-start < 2 {
		return errors.New("nothing is left after its first 30 s")
	}
	r.Rows, r.Dropped = r.Rows[start:], start
	standing, ok := median(r.labelled(3))
	if !ok {
		return errors.New("nobody stands in it (label 3), so that there is no upright pose")
	}
	r.Poses = []Pose{{schemas.Standing, standing}}
	seated := r.labelled(1)
	slices.SortStableFunc(seated, func(a, b [3]float64) int { return cmp.Compare(flexion(a, standing), flexion(b, standing)) })
	if upright, ok := median(seated[:(len(seated)+3)/4]); ok {
		r.Poses = append(r.Poses, Pose{schemas.Seated, upright})
		r.Notes = append(r.Notes, "the seated upright pose is a stand-in: the median of the quarter of least flexion of the seated bout")
	}
	return nil
}

// prepareSternum finds motion; the data set is calibrated already.
func prepareSternum(r *Recording) error {
	up := [3]float64{0, 1, 0}
	r.Poses = []Pose{{schemas.Seated, up}, {schemas.Standing, up}}
	r.Notes = append(r.Notes, "calibrated by its makers; motion is the spread of the magnitude over the rows of the last 2 s, "+
		"unknown with fewer than 4; lying counts as not sitting")
	first := 0
	for i := range r.Rows {
		for r.Rows[i].At-r.Rows[first].At > spreadOver {
			first++
		}
		if i-first+1 >= spreadRows {
			r.Rows[i].MotionG, r.Rows[i].MotionKnown = spread(r.Rows[first:i+1]), true
		}
	}
	return nil
}

// labelled are the accelerations of the rows with a label.
func (r *Recording) labelled(label int) [][3]float64 {
	var acc [][3]float64
	for i := range r.Rows {
		if r.Rows[i].Label == label {
			acc = append(acc, r.Rows[i].Acc)
		}
	}
	return acc
}

// median is the middle of each axis by itself.
func median(acc [][3]float64) (m [3]float64, ok bool) {
	if len(acc) == 0 {
		return m, false
	}
	axis := make([]float64, len(acc))
	for i := range m {
		for j := range acc {
			axis[j] = acc[j][i]
		}
		slices.Sort(axis)
		m[i] = (axis[(len(axis)-1)/2] + axis[len(axis)/2]) / 2
	}
	return m, true
}

// flexion is the angle forward from an upright direction, in radians.
func flexion(acc, upright [3]float64) float64 {
	u0 := scale(upright, 1/math.Sqrt(dot(upright, upright)))
	back := [3]float64{0, 0, 1}
	ap := sub(back, scale(u0, dot(back, u0)))
	ap = scale(ap, 1/math.Sqrt(dot(ap, ap)))
	return math.Atan2(dot(acc, ap), dot(acc, u0))
}

// tilt is the angle between a direction and the upright one, in radians.
func tilt(acc, upright [3]float64) float64 {
	cos := dot(acc, upright) / math.Sqrt(dot(acc, acc)*dot(upright, upright))
	return math.Acos(max(-1, min(1, cos)))
}

// spread is the standard deviation of the magnitudes.
func spread(rows []Row) float64 {
	var sum, squares float64
	for i := range rows {
		g := math.Sqrt(dot(rows[i].Acc, rows[i].Acc))
		sum += g
		squares += g * g
	}
	n := float64(len(rows))
	return math.Sqrt(max(0, squares/n-sum*sum/(n*n)))
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func sub(a, b [3]float64) [3]float64 { return [3]float64{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }

func scale(a [3]float64, f float64) [3]float64 { return [3]float64{a[0] * f, a[1] * f, a[2] * f} }
