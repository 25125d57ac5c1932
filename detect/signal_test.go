package detect

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

const radians = math.Pi / 180

// leaned is what the sensor of an upright sternum reads when its wearer leans
// forward by theta and to the right by phi, in degrees, about the hips: the
// tangents of both add at right angles.
func leaned(theta, phi float64) [3]int16 {
	x, z := -math.Tan(phi*radians), math.Tan(theta*radians)
	n := math.Sqrt(1 + x*x + z*z)
	return [3]int16{schemas.Thousandths(x / n), schemas.Thousandths(1 / n), schemas.Thousandths(z / n)}
}

// near compares two angles in degrees.
func near(got, want, within float64) bool {
	return math.Abs(math.Remainder(got-want, 360)) <= within
}

func inclined(t interface{ Fatal(...any) }, acc, upright [3]int16) (theta, phi float64) {
	var g [3]float32
	for i := range g {
		g[i] = float32(acc[i]) / 1000
	}
	theta, phi, ok := inclination(g, upright)
	if !ok {
		t.Fatal("no inclination of a usable pose")
	}
	return theta, phi
}

// The axes: x to the wearer's right, y up, z to the back. A forward lean turns
// the back up, a lean to the right turns the right side down.
func TestSignsOfLeaning(t *testing.T) {
	upright := [3]int16{0, 1000, 0}
	theta, phi := inclined(t, [3]int16{0, 940, 342}, upright)
	if !near(theta, 20, 0.1) || !near(phi, 0, 0.1) {
		t.Errorf("20 degrees forward gave flexion %g, lean %g", theta, phi)
	}
	theta, phi = inclined(t, [3]int16{-342, 940, 0}, upright)
	if !near(theta, 0, 0.1) || !near(phi, 20, 0.1) {
		t.Errorf("20 degrees to the right gave flexion %g, lean %g", theta, phi)
	}
}

// However the sensor sits on the chest, turned about the wearer's right by
// tilt, angles against its own upright pose are those of the trunk.
func TestInclinationIsRelativeToUpright(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tilt := rapid.Float64Range(-40, 40).Draw(t, "tilt")
		want := rapid.Float64Range(-30, 80).Draw(t, "forward")
		theta, phi := inclined(t, leaned(tilt+want/2, 0), leaned(tilt-want/2, 0))
		if !near(theta, want, 0.3) || !near(phi, 0, 0.3) {
			t.Fatalf("got %g and %g, want %g and 0", theta, phi, want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		forward := rapid.Float64Range(-60, 60).Draw(t, "forward")
		right := rapid.Float64Range(-60, 60).Draw(t, "right")
		theta, phi := inclined(t, leaned(forward, right), [3]int16{0, 1000, 0})
		if !near(theta, forward, 0.5) || !near(phi, right, 0.5) {
			t.Fatalf("got %g and %g, want %g and %g", theta, phi, forward, right)
		}
	})
}

type vector [3]float64

func (a vector) dot(b vector) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func (a vector) cross(b vector) vector {
	return vector{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func (a vector) unit() vector {
	n := math.Sqrt(a.dot(a))
	return vector{a[0] / n, a[1] / n, a[2] / n}
}

// What is written out for speed is the definition.
func TestInclinationIsTheDefinition(t *testing.T) {
	axis := rapid.Custom(func(t *rapid.T) [3]int16 {
		part := rapid.Int16Range(-1200, 1200)
		return [3]int16{part.Draw(t, "x"), part.Draw(t, "y"), part.Draw(t, "z")}
	})
	rapid.Check(t, func(t *rapid.T) {
		acc := axis.Filter(func(v [3]int16) bool {
			x, y, z := int(v[0]), int(v[1]), int(v[2])
			return x*x+y*y+z*z > 100*100
		}).Draw(t, "acc")
		up := axis.Filter(isUpright).Draw(t, "upright")
		u := vector{float64(acc[0]), float64(acc[1]), float64(acc[2])}.unit()
		u0 := vector{float64(up[0]), float64(up[1]), float64(up[2])}.unit()
		ap := vector{-u0[2] * u0[0], -u0[2] * u0[1], 1 - u0[2]*u0[2]}.unit()
		lat := ap.cross(u0)
		theta, phi := inclined(t, acc, up)
		if !near(theta, math.Atan2(u.dot(ap), u.dot(u0))/radians, 0.01) || !near(phi, math.Atan2(u.dot(lat), u.dot(u0))/radians, 0.01) {
			t.Fatalf("got %g and %g", theta, phi)
		}
	})
}

func TestUprightIsRefused(t *testing.T) {
	for _, v := range [][3]int16{{}, {0, 499, 0}, {0, 0, 1000}, {50, 50, -1000}} {
		if isUpright(v) {
			t.Errorf("%v was taken as an upright direction", v)
		}
	}
	for _, v := range [][3]int16{{0, 500, 0}, {0, 120, 1000}, {1000, 0, 0}, {0, -1000, 0}} {
		if !isUpright(v) {
			t.Errorf("%v was refused as an upright direction", v)
		}
	}
}

// acceleration is a reading of acc_g alone.
func acceleration(seq uint64, at int64, acc [3]int16, s seat) schemas.Item {
	r := spell{sd: 5, seat: s}.reading(seq, day0+at)
	r.Fields = r.Fields&^schemas.HasTrunk | schemas.HasAcc
	r.Acc = acc
	return schemas.Item{Reading: r}
}

func calibrated(seq uint64, at int64, pose schemas.Pose, up *[3]int16) schemas.Item {
	it := schemas.Item{Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: pose, Upright: up}}
	it.Seq, it.Time = seq, day0+at
	return it
}

func TestBaselines(t *testing.T) {
	up, bent := leaned(0, 0), leaned(25, 0)
	upright := &up
	steady := func(from int, n int, s seat, acc [3]int16) (all []schemas.Item) {
		for i := range n {
			all = append(all, acceleration(uint64(from+i), int64(from+i)*500, acc, s))
		}
		return all
	}
	tests := []struct {
		name         string
		items        []schemas.Item
		known, shown bool
		flexion      float64
	}{
		{"none: shown against the axes, never judged", steady(1, 10, onSeat, bent), false, true, 25},
		{"seated, sitting", append([]schemas.Item{calibrated(0, 0, schemas.Seated, upright)}, steady(1, 10, onSeat, bent)...), true, true, 25},
		{"seated, standing: shown only", append([]schemas.Item{calibrated(0, 0, schemas.Seated, upright)}, steady(1, 10, onFeet, bent)...), false, true, 25},
		{"standing, sitting: never judged on it", append([]schemas.Item{calibrated(0, 0, schemas.Standing, upright)}, steady(1, 10, onSeat, bent)...), false, true, 25},
		{"standing, standing", append([]schemas.Item{calibrated(0, 0, schemas.Standing, upright)}, steady(1, 10, onFeet, bent)...), true, true, 25},
		{"seated, sitting unknown", append([]schemas.Item{calibrated(0, 0, schemas.Seated, upright)}, steady(1, 10, nobodyKnows, bent)...), true, true, 25},
		{"standing, sitting unknown", append([]schemas.Item{calibrated(0, 0, schemas.Standing, upright)}, steady(1, 10, nobodyKnows, bent)...), false, true, 25},
		{"measured, before its time is over", append([]schemas.Item{calibrated(0, 0, schemas.Seated, nil)}, steady(1, 19, onSeat, bent)...), false, true, 25},
		{"measured", append([]schemas.Item{calibrated(0, 0, schemas.Seated, nil)}, steady(1, 20, onSeat, bent)...), true, true, 0},
		{"measured over 10 s and not longer", []schemas.Item{
			calibrated(0, 0, schemas.Seated, nil), acceleration(1, 9000, up, onSeat), acceleration(2, 9500, up, onSeat),
			acceleration(3, 10500, bent, onSeat), acceleration(4, 15000, bent, onSeat),
		}, true, true, 25},
		{"measured by one reading: too few", []schemas.Item{
			calibrated(0, 0, schemas.Seated, nil), acceleration(1, 9000, up, onSeat), acceleration(2, 15000, bent, onSeat),
		}, false, true, 25},
		{"given while another is measured", append([]schemas.Item{
			calibrated(0, 0, schemas.Seated, nil), calibrated(1, 100, schemas.Seated, upright),
		}, steady(2, 30, onSeat, bent)...), true, true, 25},
		{"given behind the readings that follow it", append(append(steady(1, 5, onSeat, bent),
			calibrated(0, 0, schemas.Seated, upright)), steady(6, 5, onSeat, bent)...), true, true, 25},
		{"given behind those that follow a newer one", append(append([]schemas.Item{calibrated(1, 0, schemas.Seated, &bent)}, steady(2, 5, onSeat, bent)...),
			append([]schemas.Item{calibrated(0, 0, schemas.Seated, upright)}, steady(7, 5, onSeat, bent)...)...), true, true, 0},
		{"refused", append([]schemas.Item{calibrated(0, 0, schemas.Seated, &[3]int16{0, 0, 1000})}, steady(1, 10, onSeat, bent)...), false, true, 25},
		{"falling", steady(1, 10, onSeat, [3]int16{}), false, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, out := judge(tt.items)
			got := out.Postures[len(out.Postures)-1]
			if got.Known != tt.known || got.Shown != tt.shown || !near(float64(got.FlexionDeg), tt.flexion, 0.15) {
				t.Errorf("got %+v, want known %v, shown %v, flexion %g", got, tt.known, tt.shown, tt.flexion)
			}
		})
	}
}

// The median of each axis withstands a jerk during the pose.
func TestMeasuredBaselineIsAMedian(t *testing.T) {
	list := []schemas.Item{calibrated(0, 0, schemas.Seated, nil)}
	for i := 1; i <= 30; i++ {
		acc := leaned(10, 0)
		if i%15 == 0 {
			acc = [3]int16{3000, -2000, 1500}
		}
		list = append(list, acceleration(uint64(i), int64(i)*500, acc, onSeat))
	}
	w, _ := judge(list)
	if got := w.rules.Signals.Upright[0]; got != leaned(10, 0) {
		t.Errorf("measured %v, want %v", got, leaned(10, 0))
	}
}

// A baseline is one for each wear: a new run of the device has none.
func TestBaselinesEndWithTheRun(t *testing.T) {
	up := leaned(0, 0)
	w, _ := judge([]schemas.Item{calibrated(0, 0, schemas.Seated, &up), acceleration(1, 500, leaned(25, 0), onSeat)})
	if !w.rules.Last.Is.has(fitted) {
		t.Fatal("the baseline is not used")
	}
	next, out := batch([]schemas.Item{acceleration(0, 1000, leaned(25, 0), onSeat)}), &Output{}
	next.Boot++
	w.Take(next, out)
	if w.rules.Last.Is.has(fitted) {
		t.Error("the baseline outlived its run")
	}
}

// Against the definition: the rms of the last 8 samples at 2 Hz.
func TestMotionIsTheTrailingRMS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sds := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 40).Draw(t, "sd_mg")
		var list []schemas.Item
		for i, sd := range sds {
			r := spell{sd: sd}.reading(uint64(i), day0+int64(i)*500)
			list = append(list, schemas.Item{Reading: r})
		}
		_, out := judge(list)
		for i, got := range out.Postures {
			sum, n := 0, 0
			for _, sd := range sds[max(0, i-7) : i+1] {
				sum, n = sum+sd*sd, n+1
			}
			if want := sum > 100*100*n; got.Moving != want || !got.MotionKnown {
				t.Fatalf("reading %d: moving %v, want %v", i, got.Moving, want)
			}
		}
	})
}

// At any rate the window is 4 s, less at most the tenth that clocks are granted.
func TestMotionWindow(t *testing.T) {
	const window = 4000
	for ms := int64(unit); ms <= window; ms++ {
		var m motion
		for range 2 * window / ms {
			m.push(0, ms, window)
		}
		kept := int64(0)
		for _, part := range m.Length {
			kept += int64(part) * unit
		}
		if kept < window*9/10 {
			t.Fatalf("one reading in %d ms: %d ms are kept", ms, kept)
		}
		m.push(300*300, window, window)
		if got := m.meanSquare(window); got != 300*300 {
			t.Fatalf("one reading in %d ms, then one that fills the window: mean square %g", ms, got)
		}
	}
}

func TestMotion(t *testing.T) {
	type at struct {
		ms     int64
		sd     int // -1 none
		steps  int // -1 none
		moving bool
		known  bool
	}
	tests := []struct {
		name string
		ats  []at
	}{
		{"one reading in 4 s stands alone", []at{{0, 300, -1, true, true}, {4000, 100, -1, false, true}, {8000, 101, -1, true, true}}},
		{"after a gap too", []at{{0, 300, -1, true, true}, {60000, 0, -1, false, true}}},
		{"one reading a second: the last four", []at{{0, 200, -1, true, true}, {1000, 0, -1, true, true}, {2000, 0, -1, false, true}}},
		{"unknown without anything", []at{{0, -1, -1, false, false}}},
		{"steps say so for 4 s", []at{{0, -1, 1, true, true}, {3500, -1, 0, true, true}, {4000, -1, 0, false, true}}},
		{"steps beside motion", []at{{0, 50, 2, true, true}, {4000, 0, 0, false, true}}},
		{"steps of a sensor that lies still are not believed", []at{{0, 9, 2, false, true}, {500, 10, 2, true, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list []schemas.Item
			for i, a := range tt.ats {
				r := spell{sd: a.sd}.reading(uint64(i), day0+a.ms)
				if a.steps >= 0 {
					r.Fields |= schemas.HasSteps
					r.Steps = uint16(a.steps)
				}
				list = append(list, schemas.Item{Reading: r})
			}
			_, out := judge(list)
			for i, got := range out.Postures {
				if a := tt.ats[i]; got.Moving != a.moving || got.MotionKnown != a.known {
					t.Errorf("reading %d: moving %v, known %v, want %v, %v", i, got.Moving, got.MotionKnown, a.moving, a.known)
				}
			}
		})
	}
}

// From acc_g motion is seen at 10 Hz, not at 5.
func TestMotionFromAcceleration(t *testing.T) {
	tests := []struct {
		name          string
		step          time.Duration
		swing         float64 // g, amplitude at 2 Hz
		known, moving bool
	}{
		{"still at 10 Hz", 100 * time.Millisecond, 0, true, false},
		{"sd just under 0.1 g at 25 Hz", 40 * time.Millisecond, 0.13, true, false},
		{"sd just over 0.1 g at 25 Hz", 40 * time.Millisecond, 0.155, true, true},
		{"walking at 10 Hz", 100 * time.Millisecond, 0.4, true, true},
		{"5 Hz", 200 * time.Millisecond, 0.4, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list []schemas.Item
			for at := time.Duration(0); at < 10*time.Second; at += tt.step {
				acc := [3]int16{0, schemas.Thousandths(1 + tt.swing*math.Sin(4*math.Pi*at.Seconds())), 0}
				it := acceleration(uint64(len(list)), at.Milliseconds(), acc, onFeet)
				it.Fields &^= schemas.HasMotion
				list = append(list, it)
			}
			_, out := judge(list)
			got := out.Postures[len(out.Postures)-1]
			if got.MotionKnown != tt.known || got.Moving != tt.moving {
				t.Errorf("known %v, moving %v, want %v, %v", got.MotionKnown, got.Moving, tt.known, tt.moving)
			}
		})
	}
}

func TestWorn(t *testing.T) {
	event := func(on bool) schemas.Item {
		return schemas.Item{Event: &schemas.Event{Type: schemas.EventWorn, Worn: on}}
	}
	reading := func(on bool) schemas.Item { return schemas.Item{Reading: spell{off: !on}.reading(0, 0)} }
	tests := []struct {
		name string
		list []schemas.Item
		want bool
	}{
		{"by default", []schemas.Item{reading(true)}, true},
		{"said by the reading", []schemas.Item{reading(true), reading(false)}, false},
		{"taken off by an event alone", []schemas.Item{event(false), reading(true), reading(true)}, false},
		{"and put on again", []schemas.Item{event(false), reading(true), event(true), reading(true)}, true},
		{"readings go back to worn", []schemas.Item{event(false), reading(true), reading(false), reading(true)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.list {
				tt.list[i].Seq, tt.list[i].Time = uint64(i), day0+int64(i)*500
			}
			_, out := judge(tt.list)
			if got := out.Postures[len(out.Postures)-1].Worn; got != tt.want {
				t.Errorf("worn %v, want %v", got, tt.want)
			}
		})
	}
}
