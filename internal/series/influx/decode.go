package influx

import (
	"encoding/base64"
	"fmt"

	"sitwell/schemas"
)

// ints gives a field of a row, 0 where it is not there.
type ints func(field string) int64

// readingOf is the reading of a point of measReadings, and its boot.
func readingOf(nanos int64, field ints) (boot uint32, r schemas.Reading) {
	run := field(fieldRun)
	boot, r.Fields = uint32(run>>16), schemas.Fields(run&0xffff) //nolint:gosec // written from them
	r.Time, r.Seq = placeOf(nanos, boot, field(fieldSeqHigh))
	fillIn(&r, field)
	return boot, r
}

// fillIn reads the numbers that a reading knows.
//
//nolint:gosec // each number was written from the type it is read into
func fillIn(r *schemas.Reading, field ints) {
	f := r.Fields
	if f.Has(schemas.HasTrunk) {
		r.TrunkPitch, r.TrunkRoll = int16(field(fieldPitch)), int16(field(fieldRoll))
	}
	if f.Has(schemas.HasAcc) {
		r.Acc = [3]int16{int16(field(fieldAccX)), int16(field(fieldAccY)), int16(field(fieldAccZ))}
	}
	if f.Has(schemas.HasLumbar) {
		r.LumbarPitch = int16(field(fieldLumbar))
	}
	if f.Has(schemas.HasHead) {
		r.HeadPitch = int16(field(fieldHead))
	}
	if f.Has(schemas.HasMotion) {
		r.Motion = uint16(field(fieldMotion))
	}
	if f.Has(schemas.HasSittingS) {
		r.SittingS = uint32(field(fieldSittingS))
	}
	if f.Has(schemas.HasSteps) {
		r.Steps = uint16(field(fieldSteps))
	}
	if f.Has(schemas.HasBattery) {
		r.Battery = uint8(field(fieldBattery))
	}
	if f.Has(schemas.HasQuality) {
		r.Quality = uint8(field(fieldQuality))
	}
}

// eventOf is the event of a point of measEvents, and its boot.
func eventOf(nanos int64, field ints, body string) (boot uint32, item schemas.Item, err error) {
	boot = uint32(field(fieldRun) >> 16) //nolint:gosec // written from it
	packed, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return boot, item, fmt.Errorf("decode event: %w", err)
	}
	items, _, err := schemas.ReadItems(packed, nil)
	if err != nil || len(items) != 1 {
		return boot, item, fmt.Errorf("decode event: %d items: %w", len(items), err)
	}
	item = items[0]
	item.Time, item.Seq = placeOf(nanos, boot, field(fieldSeqHigh))
	return boot, item, nil
}

// placeOf is a reading's time and sequence.
func placeOf(nanos int64, boot uint32, seqHigh int64) (ms int64, seq uint64) {
	ms, below := split(nanos)
	return ms, uint64(seqHigh)*uint64(nanosInMilli) + seqLow(below, boot) //nolint:gosec // written from one
}

// minuteFrom is the rollup of a point of measMinutes.
func minuteFrom(org, wearer schemas.ID, nanos int64, field ints) schemas.Rollup {
	thousandth := func(name string) float32 { return fromThousandths(field(name)) }
	return schemas.Rollup{
		Org: org, Wearer: wearer, Minute: minuteOf(nanos),
		Sitting: thousandth(fieldSitting), Standing: thousandth(fieldStanding),
		Moving: thousandth(fieldMoving), NotWorn: thousandth(fieldNotWorn),
		Upright: thousandth(fieldUpright), Slouched: thousandth(fieldSlouched),
		Flexion: thousandth(fieldFlexion), Breaks: int(field(fieldBreaks)),
		FlexionP95: thousandth(fieldFlexionP95), LeanLeft: thousandth(fieldLeanLeft), LeanRight: thousandth(fieldLeanRight),
		Bent: thousandth(fieldBent), LoadPeak: thousandth(fieldLoadPeak), Shifts: int(field(fieldShifts)), Bout: thousandth(fieldBout),
	}
}
