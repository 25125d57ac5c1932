package dashboard

import (
	"net/http"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// readings exports a wearer's stored readings and events, one a line.
func (d *Dashboard) readings(w http.ResponseWriter, r *call) error {
	q, err := r.span(shortSpan)
	if err != nil {
		return err
	}
	e, release, err := d.startExport(w)
	if err != nil {
		return err
	}
	defer release()
	return e.finish(d.Store.Readings(r.Context(), q, func(rd series.Reading) error {
		return e.line(readingOf(&rd))
	}))
}

// readingView is a stored reading as a device would send it, with where it came
// from. What a reading does not know is not there.
type readingView struct {
	Device schemas.ID `json:"device"`
	Boot   uint32     `json:"boot"`
	Seq    uint64     `json:"seq"`
	Time   time.Time  `json:"time"`

	TrunkPitch  *float64    `json:"trunk_pitch_deg,omitempty"`
	TrunkRoll   *float64    `json:"trunk_roll_deg,omitempty"`
	Acc         *[3]float64 `json:"acc_g,omitempty"`
	LumbarPitch *float64    `json:"lumbar_pitch_deg,omitempty"`
	HeadPitch   *float64    `json:"head_pitch_deg,omitempty"`
	Motion      *float64    `json:"motion_sd_g,omitempty"`
	Sitting     *bool       `json:"sitting,omitempty"`
	SittingS    *uint32     `json:"sitting_s,omitempty"`
	Steps       *uint16     `json:"steps,omitempty"`
	Battery     *uint8      `json:"battery_pct,omitempty"`
	Quality     *uint8      `json:"quality,omitempty"`
	Worn        *bool       `json:"worn,omitempty"`

	Event *schemas.Event `json:"event,omitempty"`
	// Late says that it came too late to be judged.
	Late bool `json:"late,omitempty"`
}

func readingOf(rd *series.Reading) readingView {
	v := readingView{Device: rd.Device, Boot: rd.Boot, Seq: rd.Seq, Time: rd.At(), Event: rd.Event, Late: rd.Late}
	if rd.Event != nil {
		return v
	}
	f := rd.Fields
	worn := f.Has(schemas.IsWorn)
	v.Worn = &worn
	if f.Has(schemas.HasTrunk) {
		v.TrunkPitch, v.TrunkRoll = degrees(rd.TrunkPitch), degrees(rd.TrunkRoll)
	}
	if f.Has(schemas.HasAcc) {
		v.Acc = &[3]float64{float64(rd.Acc[0]) / 1000, float64(rd.Acc[1]) / 1000, float64(rd.Acc[2]) / 1000}
	}
	v.LumbarPitch = known(f, schemas.HasLumbar, *degrees(rd.LumbarPitch))
	v.HeadPitch = known(f, schemas.HasHead, *degrees(rd.HeadPitch))
	v.Motion = known(f, schemas.HasMotion, float64(rd.Motion)/1000)
	v.Sitting = known(f, schemas.HasSitting, f.Has(schemas.IsSitting))
	v.SittingS = known(f, schemas.HasSittingS, rd.SittingS)
	v.Steps = known(f, schemas.HasSteps, rd.Steps)
	v.Battery = known(f, schemas.HasBattery, rd.Battery)
	v.Quality = known(f, schemas.HasQuality, rd.Quality)
	return v
}

func known[T any](f, bit schemas.Fields, v T) *T {
	if !f.Has(bit) {
		return nil
	}
	return &v
}

func degrees(tenths int16) *float64 {
	deg := float64(tenths) / 10
	return &deg
}
