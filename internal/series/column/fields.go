package column

import "sitwell/schemas"

// allFields are those that this build knows the columns of.
const allFields = schemas.HasQuality<<1 - 1

// field is a column of those readings that have a flag.
type field struct {
	has schemas.Fields
	get func(*schemas.Reading) uint64
	set func(*schemas.Reading, uint64)
}

// places are the columns of all readings.
const places = 2 // seq, time

// fields are all other columns. Their order is part of the layout.
//
//nolint:gosec // numbers are taken modulo 2^64 and back
func fields() []field {
	type reading = schemas.Reading
	return []field{
		{schemas.HasTrunk, func(r *reading) uint64 { return uint64(r.TrunkPitch) }, func(r *reading, v uint64) { r.TrunkPitch = int16(v) }},
		{schemas.HasTrunk, func(r *reading) uint64 { return uint64(r.TrunkRoll) }, func(r *reading, v uint64) { r.TrunkRoll = int16(v) }},
		{schemas.HasAcc, func(r *reading) uint64 { return uint64(r.Acc[0]) }, func(r *reading, v uint64) { r.Acc[0] = int16(v) }},
		{schemas.HasAcc, func(r *reading) uint64 { return uint64(r.Acc[1]) }, func(r *reading, v uint64) { r.Acc[1] = int16(v) }},
		{schemas.HasAcc, func(r *reading) uint64 { return uint64(r.Acc[2]) }, func(r *reading, v uint64) { r.Acc[2] = int16(v) }},
		{schemas.HasLumbar, func(r *reading) uint64 { return uint64(r.LumbarPitch) }, func(r *reading, v uint64) { r.LumbarPitch = int16(v) }},
		{schemas.HasHead, func(r *reading) uint64 { return uint64(r.HeadPitch) }, func(r *reading, v uint64) { r.HeadPitch = int16(v) }},
		{schemas.HasMotion, func(r *reading) uint64 { return uint64(r.Motion) }, func(r *reading, v uint64) { r.Motion = uint16(v) }},
		{schemas.HasSittingS, func(r *reading) uint64 { return uint64(r.SittingS) }, func(r *reading, v uint64) { r.SittingS = uint32(v) }},
		{schemas.HasSteps, func(r *reading) uint64 { return uint64(r.Steps) }, func(r *reading, v uint64) { r.Steps = uint16(v) }},
		{schemas.HasBattery, func(r *reading) uint64 { return uint64(r.Battery) }, func(r *reading, v uint64) { r.Battery = uint8(v) }},
		{schemas.HasQuality, func(r *reading) uint64 { return uint64(r.Quality) }, func(r *reading, v uint64) { r.Quality = uint8(v) }},
	}
}

// flags is the state of the flags' coding: the set of the last reading and the one before that was another.
type flags struct{ now, before schemas.Fields }

func (f *flags) change(to schemas.Fields) { f.now, f.before = to, f.now }

const (
	flagBits = 16
	runBits  = 7 // a run ends with its group
)

// write codes the flags of a group: one bit if all are as the last reading's, else runs.
func (f *flags) write(out *bitWriter, group []schemas.Item) {
	if n := sameFlags(group, f.now); n == len(group) {
		out.put(1, 1)
		return
	}
	out.put(0, 1)
	for len(group) > 0 {
		next := group[0].Fields
		switch next {
		case f.now:
			out.put(0b01, 2)
		case f.before:
			out.put(0b11, 2)
			f.change(next)
		default:
			out.put(0, 1)
			out.put(uint64(next), flagBits)
			f.change(next)
		}
		n := sameFlags(group, next)
		out.put(uint64(n-1), runBits) //nolint:gosec // 0 to groupSize-1
		group = group[n:]
	}
}

// sameFlags is how many readings at the start have these flags.
func sameFlags(group []schemas.Item, f schemas.Fields) int {
	for i := range group {
		if group[i].Fields != f {
			return i
		}
	}
	return len(group)
}

// read gives a group its flags.
func (f *flags) read(in *bitReader, group []schemas.Item) {
	if in.take(1) == 1 {
		for i := range group {
			group[i].Fields = f.now
		}
		return
	}
	for len(group) > 0 && !in.bad {
		switch {
		case in.take(1) == 0:
			f.change(schemas.Fields(in.take(flagBits))) //nolint:gosec // 16 bits
			if f.now&^allFields != 0 {
				in.bad = true
			}
		case in.take(1) == 1:
			f.change(f.before)
		}
		n := int(in.take(runBits)) + 1 //nolint:gosec // 1 to groupSize
		if n > len(group) {
			in.bad = true
			return
		}
		for i := range group[:n] {
			group[i].Fields = f.now
		}
		group = group[n:]
	}
}
