package detect

import "math"

// The least an upright direction must have to be one. [D]
const (
	leastUpright = 0.5 // g: an upright pose reads about 1
	leastAcross  = 0.1 // sine of its angle to the sensor's z axis, about 6 degrees
	leastGravity = 0.1 // g, below it the sensor falls and gravity has no direction
)

type vector [3]float64

func (a vector) dot(b vector) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func (a vector) cross(b vector) vector {
	return vector{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func (a vector) scale(k float64) vector { return vector{a[0] * k, a[1] * k, a[2] * k} }

func (a vector) length() float64 { return math.Sqrt(a.dot(a)) }

// settle moves Gravity towards acc by what a first-order low-pass does in ms;
// after a gap it starts anew.
func (s *signals) settle(acc [3]int16, ms int64, p *Params) {
	k := 1.0
	if s.Settled && ms <= p.Hold.Milliseconds() {
		k = 1 - math.Exp(-2*math.Pi*p.GravityHz*float64(ms)/1000)
	}
	for i, mg := range acc {
		g := float64(s.Gravity[i])
		s.Gravity[i] = float32(g + k*(float64(mg)/1000-g))
	}
	s.Settled = true
}

// frame is the wearer's upright pose seen by the sensor, as unit vectors at
// right angles: up, ap to the wearer's back and lat to the left. The specific
// force of a trunk that bends forward turns from up towards ap, of one that
// leans to the right from up towards lat. With x to the right, y up and z to
// the back, lat = ap x up; the other order would turn the sign of the lean.
type frame struct{ up, ap, lat vector }

// uprightFrame is the frame of an upright direction in thousandths of g; false
// if it is too short, or along z, so that forward has no meaning.
func uprightFrame(upright [3]int16) (frame, bool) {
	up := vector{float64(upright[0]), float64(upright[1]), float64(upright[2])}
	n := up.length()
	if n < leastUpright*1000 {
		return frame{}, false
	}
	up = up.scale(1 / n)
	ap := vector{-up[2] * up[0], -up[2] * up[1], 1 - up[2]*up[2]} // z less its part along up
	n = ap.length()
	if n < leastAcross {
		return frame{}, false
	}
	ap = ap.scale(1 / n)
	return frame{up: up, ap: ap, lat: ap.cross(up)}, true
}

// inclination is the forward flexion and the lean to the right, in degrees, of
// a trunk that measures gravity, against its upright direction.
func inclination(gravity [3]float32, upright [3]int16) (theta, phi float64, ok bool) {
	f, ok := uprightFrame(upright)
	g := vector{float64(gravity[0]), float64(gravity[1]), float64(gravity[2])}
	if !ok || g.length() < leastGravity {
		return 0, 0, false
	}
	const degrees = 180 / math.Pi
	up := g.dot(f.up)
	return math.Atan2(g.dot(f.ap), up) * degrees, math.Atan2(g.dot(f.lat), up) * degrees, true
}
