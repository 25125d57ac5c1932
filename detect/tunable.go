package detect

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sitwell/schemas"
)

// Tunable is a parameter that may be changed, gentler or stricter, within bounds
// in which the rules still make sense for a healthy back.
type Tunable struct {
	Key  string       `json:"key"`
	Rule schemas.Rule `json:"rule"`
	Unit Unit         `json:"unit"`
	// Least and Most are the bounds, in the unit; seconds for durations. A switch
	// has none.
	Least   float64 `json:"least"`
	Most    float64 `json:"most"`
	Default string  `json:"default"` // as Params.Get writes it
	Doc     string  `json:"doc"`

	field func(*Params) any // *float64, *time.Duration or *bool
}

// Unit is how a parameter is written.
type Unit string

// The units.
const (
	Degrees   Unit = "degrees"
	Duration  Unit = "duration" // such as 90s, 2m or 1h30m
	Fraction  Unit = "fraction" // 0 to 1
	PerMinute Unit = "per minute"
	Percent   Unit = "percent"
	Switch    Unit = "switch" // on or off
)

// Tunables is every parameter that may be changed, in the order in which people
// read them.
func Tunables() []Tunable {
	list := []Tunable{
		{Key: "slouch_deg", Rule: schemas.RuleSlouch, Unit: Degrees, Least: 12, Most: 30, Doc: "forward flexion from which slouching counts", field: func(p *Params) any { return &p.SlouchDeg }},
		{Key: "upright_deg", Rule: schemas.RuleSlouch, Unit: Degrees, Least: 5, Most: 20, Doc: "flexion under which a slouch recovers", field: func(p *Params) any { return &p.UprightDeg }},
		{Key: "curve_deg", Rule: schemas.RuleSlouch, Unit: Degrees, Least: 15, Most: 40, Doc: "flexion of the upper against the lower back from which slouching counts, with two sensors", field: func(p *Params) any { return &p.CurveDeg }},
		{Key: "curve_clear_deg", Rule: schemas.RuleSlouch, Unit: Degrees, Least: 8, Most: 30, Doc: "the same under which a slouch recovers", field: func(p *Params) any { return &p.CurveClearDeg }},
		{Key: "slouch_open", Rule: schemas.RuleSlouch, Unit: Duration, Least: 10, Most: 300, Doc: "slouching that becomes an episode", field: func(p *Params) any { return &p.SlouchOpen }},
		{Key: "slouch_nudge", Rule: schemas.RuleSlouch, Unit: Duration, Least: 60, Most: 900, Doc: "slouching that is worth a nudge", field: func(p *Params) any { return &p.SlouchNudge }},
		{Key: "slouch_clear", Rule: schemas.RuleSlouch, Unit: Duration, Least: 2, Most: 30, Doc: "recovery, or moving, that ends a slouch", field: func(p *Params) any { return &p.SlouchClear }},
		{Key: "load_nudge", Rule: schemas.RuleLoad, Unit: Fraction, Least: 0.3, Most: 0.8, Doc: "load that is worth a nudge", field: func(p *Params) any { return &p.LoadNudge }},
		{Key: "load_break", Rule: schemas.RuleLoad, Unit: Fraction, Least: 0.6, Most: 0.98, Doc: "load that is worth a break", field: func(p *Params) any { return &p.LoadBreak }},
		{Key: "load_clear", Rule: schemas.RuleLoad, Unit: Fraction, Least: 0.1, Most: 0.5, Doc: "load under which it is over", field: func(p *Params) any { return &p.LoadClear }},
		{Key: "sitting_soft", Rule: schemas.RuleSitting, Unit: Duration, Least: 600, Most: 3600, Doc: "sitting that becomes an episode", field: func(p *Params) any { return &p.SittingLevels[0] }},
		{Key: "sitting_prompt", Rule: schemas.RuleSitting, Unit: Duration, Least: 900, Most: 5400, Doc: "sitting that is worth a prompt to walk", field: func(p *Params) any { return &p.SittingLevels[1] }},
		{Key: "sitting_break", Rule: schemas.RuleSitting, Unit: Duration, Least: 1800, Most: 7200, Doc: "sitting that is worth a real break", field: func(p *Params) any { return &p.SittingLevels[2] }},
		{Key: "still_for", Rule: schemas.RuleImmobility, Unit: Duration, Least: 600, Most: 3600, Doc: "sitting without a posture shift that is worth a nudge", field: func(p *Params) any { return &p.StillFor }},
		{Key: "shift_deg", Rule: schemas.RuleImmobility, Unit: Degrees, Least: 5, Most: 20, Doc: "change of posture that is a shift", field: func(p *Params) any { return &p.ShiftDeg }},
		{Key: "lean_deg", Rule: schemas.RuleLean, Unit: Degrees, Least: 8, Most: 20, Doc: "lean to a side from which it counts", field: func(p *Params) any { return &p.LeanDeg }},
		{Key: "lean_for", Rule: schemas.RuleLean, Unit: Duration, Least: 120, Most: 1800, Doc: "leaning to a side that is worth a nudge", field: func(p *Params) any { return &p.LeanFor }},
		{Key: "lean_far_deg", Rule: schemas.RuleLean, Unit: Degrees, Least: 15, Most: 35, Doc: "lean that is far to a side", field: func(p *Params) any { return &p.LeanFarDeg }},
		{Key: "lean_far_for", Rule: schemas.RuleLean, Unit: Duration, Least: 30, Most: 600, Doc: "leaning far to a side that is worth a nudge", field: func(p *Params) any { return &p.LeanFarFor }},
		{Key: "bends_per_minute", Rule: schemas.RuleBending, Unit: PerMinute, Least: 1, Most: 10, Doc: "bends a minute, over ten minutes, that are repetitive", field: func(p *Params) any { return &p.BendsPerMinute }},
		{Key: "hydration", Rule: schemas.RuleHydration, Unit: Switch, Doc: "reminders to drink", field: func(p *Params) any { return &p.Hydration }},
		{Key: "hydration_every", Rule: schemas.RuleHydration, Unit: Duration, Least: 3600, Most: 4 * 3600, Doc: "worn time after which one is due", field: func(p *Params) any { return &p.HydrationEvery }},
		{Key: "battery_low", Rule: schemas.RuleBattery, Unit: Percent, Least: 5, Most: 40, Doc: "charge from which the device wants charging", field: func(p *Params) any { return &p.BatteryLow }},
	}
	defaults := Defaults()
	for i := range list {
		list[i].Default = list[i].text(defaults)
	}
	return list
}

// Get is a tunable parameter as Set reads it, "" for an unknown key.
func (p *Params) Get(key string) string {
	if t, ok := tunable(key); ok {
		return t.text(p)
	}
	return ""
}

// Set changes a tunable parameter. The error wraps ErrParams and names the key
// and, where it is violated, the bound; p is unchanged then. Bounds between
// parameters are for Validate.
func (p *Params) Set(key, text string) error {
	t, ok := tunable(key)
	if !ok {
		return fmt.Errorf("%w: there is no parameter %q; those there are: %s", ErrParams, key, strings.Join(tunableKeys(), ", "))
	}
	changed := *p
	if err := t.parse(&changed, text); err != nil {
		return err
	}
	if err := t.check(&changed); err != nil {
		return err
	}
	*p = changed
	return nil
}

func tunable(key string) (Tunable, bool) {
	list := Tunables()
	i := slices.IndexFunc(list, func(t Tunable) bool { return t.Key == key })
	if i < 0 {
		return Tunable{}, false
	}
	return list[i], true
}

func tunableKeys() (keys []string) {
	for _, t := range Tunables() {
		keys = append(keys, t.Key)
	}
	return keys
}

func (t *Tunable) parse(p *Params, text string) (err error) {
	switch field := t.field(p).(type) {
	case *float64:
		*field, err = strconv.ParseFloat(text, 64)
	case *time.Duration:
		*field, err = time.ParseDuration(text)
	case *bool:
		switch text {
		case "on", "off":
			*field = text == "on"
		default:
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %q is not %s", ErrParams, t.Key, text, t.Unit.article())
	}
	return nil
}

func (u Unit) article() string {
	switch u {
	case Duration:
		return "a duration such as 90s or 2m"
	case Switch:
		return "on or off"
	case Degrees, Fraction, PerMinute, Percent:
	}
	return "a number (" + string(u) + ")"
}

// check reports a value outside the bounds.
func (t *Tunable) check(p *Params) error {
	var v float64
	switch field := t.field(p).(type) {
	case *float64:
		v = *field
	case *time.Duration:
		v = field.Seconds()
	default:
		return nil
	}
	if math.IsNaN(v) || v < t.Least || v > t.Most {
		return fmt.Errorf("%w: %s: %s is outside the safe bounds %s to %s", ErrParams, t.Key, t.text(p), t.Bound(t.Least), t.Bound(t.Most))
	}
	return nil
}

// Bound writes a bound as the parameter is written.
func (t *Tunable) Bound(v float64) string {
	if t.Unit == Duration {
		return tidy(time.Duration(v * float64(time.Second)))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// tidy writes a duration without the units that are zero at its end: 2m, 1h30m, 90s
// is 1m30s.
func tidy(d time.Duration) string {
	s := d.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

func (t *Tunable) text(p *Params) string {
	switch field := t.field(p).(type) {
	case *float64:
		return strconv.FormatFloat(*field, 'g', -1, 64)
	case *time.Duration:
		return tidy(*field)
	case *bool:
		if *field {
			return "on"
		}
	}
	return "off"
}
