package hindsight

import (
	"math"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

// MaxPoints bounds the points of a curve.
const MaxPoints = 600

// Point is a stretch of a curve: what the engine saw in its readings.
type Point struct {
	Time time.Time `json:"time"` // of its beginning
	// FlexionDeg and LeanDeg are means in degrees, forward and to the right; Least
	// and Most are the bounds of the flexion.
	FlexionDeg float64 `json:"flexion_deg"`
	LeanDeg    float64 `json:"lean_deg"`
	LeastDeg   float64 `json:"least_deg"`
	MostDeg    float64 `json:"most_deg"`
	// Load is the greatest load budget of it, 0 to 1.
	Load float64 `json:"load"`
	// Judged, Moving, Sitting and Worn are shares of its readings, 0 to 1. Judged:
	// against the fitting calibration.
	Judged  float64 `json:"judged"`
	Moving  float64 `json:"moving"`
	Sitting float64 `json:"sitting"`
	Worn    float64 `json:"worn"`
}

// curve sums postures into stretches of the same length, however many there are.
type curve struct {
	from, to int64 // ms
	width    int64 // of a stretch, ms
	sums     []sum
}

type sum struct {
	n, shown                      int
	flexion, lean                 float64
	least, most, load             float64
	judged, moving, sitting, worn int
}

// curveFrom is where the curve of a finding begins: a while before the episode, in
// which what it is about built up. The first reading that is judged again may lie
// hours before, and a curve from there on would have few points where they matter.
func curveFrom(f *schemas.Finding) time.Time {
	lead := max(time.Minute, f.Time.Sub(f.Start)/3)
	switch f.Rule {
	case schemas.RuleLoad:
		lead = max(lead, 30*time.Minute)
	case schemas.RuleBending: // over ten minutes
		lead = max(lead, 11*time.Minute)
	case schemas.RuleOffline: // of which there is nothing but what came before
		lead = max(lead, 10*time.Minute)
	default:
	}
	if from := f.Start.Add(-lead); from.After(f.Receipt.From.Time) {
		return from
	}
	return f.Receipt.From.Time
}

func newCurve(from, to time.Time) curve {
	c := curve{from: from.UnixMilli(), to: to.UnixMilli()}
	c.width = max(500, (c.to-c.from)/MaxPoints+1)
	c.sums = make([]sum, (c.to-c.from)/c.width+1)
	return c
}

func (c *curve) add(postures []detect.Posture) {
	for i := range postures {
		p := &postures[i]
		if p.Time < c.from || p.Time > c.to {
			continue
		}
		c.sums[(p.Time-c.from)/c.width].add(p)
	}
}

func (s *sum) add(p *detect.Posture) {
	s.n++
	s.load = max(s.load, float64(p.Load))
	if p.Shown {
		flexion := float64(p.FlexionDeg)
		if s.shown == 0 {
			s.least, s.most = flexion, flexion
		}
		s.shown++
		s.flexion += flexion
		s.lean += float64(p.LeanDeg)
		s.least, s.most = min(s.least, flexion), max(s.most, flexion)
	}
	for _, is := range []struct {
		so bool
		n  *int
	}{{p.Known, &s.judged}, {p.Moving, &s.moving}, {p.Sitting, &s.sitting}, {p.Worn, &s.worn}} {
		if is.so {
			*is.n++
		}
	}
}

// points are the stretches that have a flexion; the others are gaps.
func (c *curve) points() []Point {
	points := []Point{}
	for i := range c.sums {
		s := &c.sums[i]
		if s.shown == 0 {
			continue
		}
		n, shown := float64(s.n), float64(s.shown)
		points = append(points, Point{
			Time:       time.UnixMilli(c.from + int64(i)*c.width).UTC(),
			FlexionDeg: hundredths(s.flexion / shown), LeanDeg: hundredths(s.lean / shown),
			LeastDeg: hundredths(s.least), MostDeg: hundredths(s.most), Load: math.Round(s.load*1000) / 1000,
			Judged: float64(s.judged) / n, Moving: float64(s.moving) / n, Sitting: float64(s.sitting) / n, Worn: float64(s.worn) / n,
		})
	}
	return points
}
