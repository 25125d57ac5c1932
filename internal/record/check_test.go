package record

import (
	"errors"
	"math"
	"strings"
	"testing"

	"sitwell/schemas"
)

func TestRollupsOutOfRange(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	set := map[string]func(*schemas.Rollup, float32){
		"sitting_s":       func(r *schemas.Rollup, v float32) { r.Sitting = v },
		"standing_s":      func(r *schemas.Rollup, v float32) { r.Standing = v },
		"moving_s":        func(r *schemas.Rollup, v float32) { r.Moving = v },
		"not_worn_s":      func(r *schemas.Rollup, v float32) { r.NotWorn = v },
		"upright_s":       func(r *schemas.Rollup, v float32) { r.Upright = v },
		"slouched_s":      func(r *schemas.Rollup, v float32) { r.Slouched = v },
		"lean_left_s":     func(r *schemas.Rollup, v float32) { r.LeanLeft = v },
		"lean_right_s":    func(r *schemas.Rollup, v float32) { r.LeanRight = v },
		"bent_s":          func(r *schemas.Rollup, v float32) { r.Bent = v },
		"flexion_deg":     func(r *schemas.Rollup, v float32) { r.Flexion = v },
		"flexion_p95_deg": func(r *schemas.Rollup, v float32) { r.FlexionP95 = v },
		"load_peak":       func(r *schemas.Rollup, v float32) { r.LoadPeak = v },
		"bout_s":          func(r *schemas.Rollup, v float32) { r.Bout = v },
		"breaks":          func(r *schemas.Rollup, v float32) { r.Breaks = int(v) },
		"shifts":          func(r *schemas.Rollup, v float32) { r.Shifts = int(v) },
	}
	for _, c := range []struct {
		good, bad []float32
		fields    string
	}{
		{[]float32{0, 60, 60.0004}, []float32{-0.01, 60.01, nan, inf, -inf}, "sitting_s standing_s moving_s not_worn_s upright_s slouched_s lean_left_s lean_right_s bent_s"},
		{[]float32{-180, 0, 180}, []float32{-180.5, 180.5, nan, inf, -inf}, "flexion_deg flexion_p95_deg"},
		{[]float32{0, 1, 1.0004}, []float32{-0.01, 1.01, nan, inf, -inf}, "load_peak"},
		{[]float32{0, 604_800, 1e8}, []float32{-1, nan, inf, -inf}, "bout_s"},
		{[]float32{0, 6, 60}, []float32{-1, 61}, "breaks shifts"},
	} {
		for field := range strings.FieldsSeq(c.fields) {
			check := func(v float32) error {
				r := schemas.Rollup{Org: org, Wearer: ann, Minute: monday.Unix() / 60}
				set[field](&r, v)
				return checkRollup(&r)
			}
			for _, v := range c.good {
				if err := check(v); err != nil {
					t.Errorf("%s of %v: %v", field, v, err)
				}
			}
			for _, v := range c.bad {
				if err := check(v); !errors.Is(err, errInvalid) || !strings.Contains(err.Error(), field) {
					t.Errorf("%s of %v gives %v", field, v, err)
				}
			}
		}
	}
}

func TestMarksOutOfRange(t *testing.T) {
	for name, spoil := range map[string]func(*schemas.Late){
		"no organisation": func(l *schemas.Late) { l.Org = schemas.ID{} },
		"no wearer":       func(l *schemas.Late) { l.Wearer = schemas.ID{} },
		"no device":       func(l *schemas.Late) { l.Device = schemas.ID{} },
		"backwards":       func(l *schemas.Late) { l.First = l.Last + 1 },
		"sequence":        func(l *schemas.Late) { l.Last = schemas.MaxSeq + 1 },
		"times backwards": func(l *schemas.Late) { l.From = l.To + 1 },
		"no time":         func(l *schemas.Late) { l.From = 0 },
		"far future":      func(l *schemas.Late) { l.To = math.MaxInt64 / 1000 },
	} {
		l := lateMark(3, schemas.MaxSeq)
		if err := checkLate(&l); err != nil {
			t.Errorf("a good mark gives %v", err)
		}
		spoil(&l)
		if err := checkLate(&l); !errors.Is(err, errInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
