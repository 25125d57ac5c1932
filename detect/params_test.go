package detect

import (
	"testing"
	"time"
)

func TestParams(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, spoil := range map[string]func(*Params){
		"no duration":       func(p *Params) { p.SlouchOpen = 0 },
		"under 1 ms":        func(p *Params) { p.Hold = time.Microsecond },
		"over a day":        func(p *Params) { p.AwayEnds = 25 * time.Hour },
		"no motion":         func(p *Params) { p.MovingG = 0 },
		"no corner":         func(p *Params) { p.GravityHz = -1 },
		"crossed angles":    func(p *Params) { p.UprightDeg = 16 },
		"crossed dwell":     func(p *Params) { p.SlouchNudge = time.Second },
		"crossed levels":    func(p *Params) { p.SittingLevels[1] = time.Hour },
		"crossed away":      func(p *Params) { p.AwayIgnored = time.Hour },
		"a hold over a gap": func(p *Params) { p.Hold = 2 * time.Minute },
		"a long window":     func(p *Params) { p.MotionWindow = time.Hour },
	} {
		p := Defaults()
		spoil(p)
		if p.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
