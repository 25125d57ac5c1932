package export

import (
	"strconv"

	"sitwell/schemas"
)

// field is a number or a yes or no of a reading, by the name that a device gives it.
type field struct {
	name  string
	has   schemas.Fields // 0 for always
	value func(b []byte, r *schemas.Reading) []byte
}

func scaled(b []byte, n, scale int64) []byte {
	return strconv.AppendFloat(b, float64(n)/float64(scale), 'f', -1, 64)
}

// fields are those of a reading in the order that they are written in.
func fields() []field {
	number := func(name string, has schemas.Fields, scale int64, get func(*schemas.Reading) int64) field {
		return field{name, has, func(b []byte, r *schemas.Reading) []byte { return scaled(b, get(r), scale) }}
	}
	flag := func(name string, has, is schemas.Fields) field {
		return field{name, has, func(b []byte, r *schemas.Reading) []byte { return strconv.AppendBool(b, r.Fields.Has(is)) }}
	}
	return []field{
		number("trunk_pitch_deg", schemas.HasTrunk, 10, func(r *schemas.Reading) int64 { return int64(r.TrunkPitch) }),
		number("trunk_roll_deg", schemas.HasTrunk, 10, func(r *schemas.Reading) int64 { return int64(r.TrunkRoll) }),
		number("acc_x_g", schemas.HasAcc, 1000, func(r *schemas.Reading) int64 { return int64(r.Acc[0]) }),
		number("acc_y_g", schemas.HasAcc, 1000, func(r *schemas.Reading) int64 { return int64(r.Acc[1]) }),
		number("acc_z_g", schemas.HasAcc, 1000, func(r *schemas.Reading) int64 { return int64(r.Acc[2]) }),
		number("lumbar_pitch_deg", schemas.HasLumbar, 10, func(r *schemas.Reading) int64 { return int64(r.LumbarPitch) }),
		number("head_pitch_deg", schemas.HasHead, 10, func(r *schemas.Reading) int64 { return int64(r.HeadPitch) }),
		number("motion_sd_g", schemas.HasMotion, 1000, func(r *schemas.Reading) int64 { return int64(r.Motion) }),
		flag("sitting", schemas.HasSitting, schemas.IsSitting),
		number("sitting_s", schemas.HasSittingS, 1, func(r *schemas.Reading) int64 { return int64(r.SittingS) }),
		number("steps", schemas.HasSteps, 1, func(r *schemas.Reading) int64 { return int64(r.Steps) }),
		number("battery_pct", schemas.HasBattery, 1, func(r *schemas.Reading) int64 { return int64(r.Battery) }),
		number("quality", schemas.HasQuality, 1, func(r *schemas.Reading) int64 { return int64(r.Quality) }),
		flag("worn", 0, schemas.IsWorn),
	}
}
