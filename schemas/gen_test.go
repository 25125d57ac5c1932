package schemas_test

import (
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// Generators of everything that travels, as it is after rounding.

func genID() *rapid.Generator[schemas.ID] {
	return rapid.Custom(func(t *rapid.T) schemas.ID {
		return schemas.MustID(rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,62}`).Draw(t, "id"))
	})
}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(1, 253402300799999).Draw(t, "ms")).UTC()
	})
}

// genReading has a time within what Decode takes at noon, and only the fields
// that its flags say.
func genReading() *rapid.Generator[schemas.Reading] {
	return rapid.Custom(func(t *rapid.T) schemas.Reading {
		angle := func(name string) int16 { return rapid.Int16Range(-1800, 1800).Draw(t, name) }
		r := schemas.Reading{
			Seq:  rapid.Uint64Range(0, schemas.MaxSeq).Draw(t, "seq"),
			Time: noon.UnixMilli() + rapid.Int64Range(-60_000, 60_000).Draw(t, "time"),
		}
		f := schemas.Fields(rapid.Uint16Range(0, uint16(schemas.HasQuality<<1-1)).Draw(t, "fields"))
		if !f.Has(schemas.HasSitting) {
			f &^= schemas.IsSitting
		}
		if f&(schemas.HasTrunk|schemas.HasAcc|schemas.HasSitting|schemas.HasSittingS) == 0 {
			f &^= schemas.IsWorn // nothing measured
		}
		if f.Has(schemas.HasTrunk) {
			r.TrunkPitch, r.TrunkRoll = angle("pitch"), angle("roll")
		}
		if f.Has(schemas.HasAcc) {
			for i := range r.Acc {
				r.Acc[i] = rapid.Int16Range(-16000, 16000).Draw(t, "g")
			}
		}
		if f.Has(schemas.HasLumbar) {
			r.LumbarPitch = angle("lumbar")
		}
		if f.Has(schemas.HasHead) {
			r.HeadPitch = angle("head")
		}
		if f.Has(schemas.HasMotion) {
			r.Motion = rapid.Uint16Range(0, 16000).Draw(t, "motion")
		}
		if f.Has(schemas.HasSittingS) {
			r.SittingS = rapid.Uint32Range(0, 604800).Draw(t, "sitting_s")
		}
		if f.Has(schemas.HasSteps) {
			r.Steps = rapid.Uint16Range(0, 60000).Draw(t, "steps")
		}
		if f.Has(schemas.HasBattery) {
			r.Battery = rapid.Uint8Range(0, 100).Draw(t, "battery")
		}
		if f.Has(schemas.HasQuality) {
			r.Quality = rapid.Uint8Range(0, 100).Draw(t, "quality")
		}
		r.Fields = f
		return r
	})
}

func genEvent() *rapid.Generator[schemas.Event] {
	return rapid.Custom(func(t *rapid.T) schemas.Event {
		e := schemas.Event{Type: rapid.SampledFrom([]schemas.EventType{
			schemas.EventWorn, schemas.EventButton, schemas.EventSuddenMovement, schemas.EventCalibrate, schemas.EventBattery,
		}).Draw(t, "type")}
		switch e.Type {
		case schemas.EventWorn:
			e.Worn = rapid.Bool().Draw(t, "worn")
		case schemas.EventSuddenMovement:
			e.PeakRate = rapid.Uint16Range(0, 4000).Draw(t, "peak")
			e.Range = rapid.Uint16Range(0, 360).Draw(t, "range")
			e.Axis = rapid.SampledFrom([]schemas.Axis{"", schemas.Twist, schemas.Sagittal, schemas.Lateral}).Draw(t, "axis")
			e.Lasted = rapid.Uint16Range(0, 60000).Draw(t, "duration")
			e.PeakAcc = rapid.Uint16Range(0, 16000).Draw(t, "peak of acceleration")
		case schemas.EventCalibrate:
			e.Pose = rapid.SampledFrom([]schemas.Pose{schemas.Seated, schemas.Standing}).Draw(t, "pose")
			if rapid.Bool().Draw(t, "with a direction") {
				g := rapid.Int16Range(-16000, 16000)
				e.Upright = &[3]int16{g.Draw(t, "x"), g.Draw(t, "y"), g.Draw(t, "z")}
			}
		case schemas.EventBattery:
			e.Battery = rapid.Uint8Range(0, 100).Draw(t, "battery")
		case schemas.EventButton:
		}
		return e
	})
}

// genItem is a reading or an event.
func genItem() *rapid.Generator[schemas.Item] {
	return rapid.Custom(func(t *rapid.T) schemas.Item {
		r := genReading().Draw(t, "reading")
		if rapid.Bool().Draw(t, "is an event") {
			e := genEvent().Draw(t, "event")
			return schemas.Item{Reading: schemas.Reading{Seq: r.Seq, Time: r.Time}, Event: &e}
		}
		return schemas.Item{Reading: r}
	})
}

func genBatch() *rapid.Generator[schemas.Batch] {
	return rapid.Custom(func(t *rapid.T) schemas.Batch {
		return schemas.Batch{
			Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Device: genID().Draw(t, "device"),
			Boot: rapid.Uint32().Draw(t, "boot"), Received: rapid.Int64().Draw(t, "received"),
			Ahead: rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32()).Draw(t, "ahead"),
			Items: rapid.SliceOfN(genItem(), 0, 20).Draw(t, "items"),
		}
	})
}
