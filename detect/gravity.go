package detect

import "math"

// The least an upright direction must have to be one. [D]
const (
	leastUpright = 0.5 // g: an upright pose reads about 1
	leastAcross  = 0.1 // sine of its angle to the sensor's z axis, about 6 degrees
	leastGravity = 0.1 // g, below it the sensor falls and gravity has no direction
)

// settle moves Gravity towards acc by what a first-order low-pass does in ms;
// after a gap it starts anew.
func (s *signals) settle(acc [3]int16, ms int64, p *plan) {
	k := 1.0
	if s.Is.has(settled) && ms <= p.hold {
		k = 1 - math.Exp(-2*math.Pi*p.GravityHz*float64(ms)/1000)
	}
	for i, mg := range acc {
		g := float64(s.Gravity[i])
		s.Gravity[i] = float32(g + k*(float64(mg)/1000-g))
	}
	s.Is.set(settled, true)
}

// inclination is the forward flexion and the lean to the right, in degrees, of
// a trunk that measures gravity in g, against its upright direction in
// thousandths of g; false if one of them has no direction.
//
// With u the unit vector of gravity and u0 that of upright, z made at right
// angles to u0 is the wearer's back, ap, and lat = ap x u0 the left; the sensor's
// axes are x to the right, y up, z to the back. A trunk that bends forward turns
// u from u0 towards ap, one that leans to the right towards lat, so flexion is
// atan2(u.ap, u.u0) and lean atan2(u.lat, u.u0); u0 x ap would turn the sign of
// the lean. Written out, with U the upright direction as it is, n its length and
// h that of its part along x and y:
//
//	u.u0 = g.U / n    u.ap = (n^2 gz - Uz g.U) / (n h)    u.lat = (Ux gy - Uy gx) / h
//
// The common factor 1/n is left out, for it does not change an angle.
func inclination(g [3]float32, upright [3]int16) (flexion, lean float64, ok bool) {
	gx, gy, gz := float64(g[0]), float64(g[1]), float64(g[2])
	if !isUpright(upright) || gx*gx+gy*gy+gz*gz < leastGravity*leastGravity {
		return 0, 0, false
	}
	ux, uy, uz := float64(upright[0]), float64(upright[1]), float64(upright[2])
	across := ux*ux + uy*uy
	square, h := across+uz*uz, math.Sqrt(across)
	up := gx*ux + gy*uy + gz*uz
	back := (square*gz - uz*up) / h
	left := (ux*gy - uy*gx) * math.Sqrt(square) / h
	const degrees = 180 / math.Pi
	return math.Atan2(back, up) * degrees, math.Atan2(left, up) * degrees, true
}

// isUpright reports whether a direction in thousandths of g can be the upright
// pose: not too short, and not along z, where forward would mean nothing.
func isUpright(v [3]int16) bool {
	x, y, z := float64(v[0]), float64(v[1]), float64(v[2])
	across := x*x + y*y
	square := across + z*z
	return square >= leastUpright*leastUpright*1e6 && across >= leastAcross*leastAcross*square
}
