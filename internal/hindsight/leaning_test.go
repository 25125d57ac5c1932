package hindsight

import (
	"math"

	"sitwell/schemas"
)

// leaning is the specific force of a trunk that leans so many degrees forward and
// to the right, with axes as in schemas.Reading.
func leaning(flexion, roll float64) [3]int16 {
	f, r := flexion*math.Pi/180, roll*math.Pi/180
	x, y, z := math.Tan(r), 1.0, math.Tan(f)
	g := math.Sqrt(x*x + y*y + z*z)
	return [3]int16{schemas.Thousandths(x / g), schemas.Thousandths(y / g), schemas.Thousandths(z / g)}
}
