package sim

import (
	"math"
	"testing"

	"sitwell/detect"
	"sitwell/schemas"
)

// A raw sensor on a crooked strap, once calibrated, shows the angles that are there.
func TestARawSensorShowsTheTruth(t *testing.T) {
	for _, s := range []strap{{}, {pitch: 8, roll: -4}, {pitch: -8, roll: 4}, {pitch: 25}} {
		for _, want := range []trunk{{}, {flexion: 20}, {flexion: -12}, {roll: 15}, {roll: -15}, {flexion: 24, roll: 12}} {
			upright := s.acceleration(trunk{})
			items := []schemas.Item{{Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &upright}}}
			items[0].Time = 1_000_000
			for i := range 60 {
				items = append(items, schemas.Item{Reading: schemas.Reading{
					Seq: uint64(i + 1), Time: 1_000_000 + int64(i)*500, Acc: s.acceleration(want), Motion: 10,
					Fields: schemas.HasAcc | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
				}})
			}
			out := &detect.Output{Trace: true}
			w := detect.NewWearer(schemas.MustID("o"), schemas.MustID("w"), detect.Always(detect.Defaults()))
			w.Take(&schemas.Batch{Boot: 1, Items: items}, out)
			got := out.Postures[len(out.Postures)-1]
			// Both angles at once are not quite independent on a strap that leans itself.
			off := max(math.Abs(float64(got.FlexionDeg)-want.flexion), math.Abs(float64(got.LeanDeg)-want.roll))
			if !got.Known || off > 1.5 {
				t.Errorf("on a strap at %v, %+v is shown as %.1f forward and %.1f to the right", s, want, got.FlexionDeg, got.LeanDeg)
			}
		}
	}
}
