package observe

import (
	"math"
	"slices"
	"time"

	"sitwell/detect"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// Observation is what the engine, with the default parameters, sees in one
// recording. None of it is truth: only the labels' seconds come from elsewhere.
type Observation struct {
	Name    string
	Kind    recording.Kind
	Seconds float64 // from the first row to the last

	SeatedLabelsS, SeatedS float64 // by the labels, and by the engine
	// SeatedDeg and SeatedTilt are the median forward flexion, and tilt to whatever
	// side, of the rows labelled seated against the standing pose, in degrees; NaN
	// where nobody sits.
	SeatedDeg, SeatedTilt float64
	Shifts                int
	// SlouchedShare is the share of the judged seated seconds at SlouchDeg and
	// more; NaN where none were judged.
	SlouchedShare float64

	LoadPeak, LoadMean float64 // 0 to 1, over the readings
	LoadPeakS          float64 // when the peak came, in seconds from the first row
	HoldPeak           float64 // 0 to 1
	MovingS            float64 // seen as moving
	Walks              Walks
	// Episodes counts episodes by rule, Asked why a calibration was asked for.
	Episodes map[schemas.Rule]int
	Asked    map[schemas.Cause]int
	// LoadRose and LoadFell are how often the load did so after a judged reading
	// that was bent so far forward that it can only rise.
	LoadRose, LoadFell int
}

// Walks are the trunk's mean angles over pieces of walking of DriftFor each, in
// one go and off the seat, in degrees against the standing pose.
type Walks struct {
	Pieces                  int
	FlexionRange, LeanRange float64 // greatest minus least mean
	// FlexionOff and LeanOff are how far any later piece lies off the first, and
	// Run how many in a row do so by more than DriftDeg on an axis.
	FlexionOff, LeanOff float64
	Run                 int
}

// ShiftsPerHour is posture shifts an hour on the seat, NaN under a minute of it.
func (o *Observation) ShiftsPerHour() float64 {
	if o.SeatedS < 60 {
		return math.NaN()
	}
	return float64(o.Shifts) / o.SeatedS * 3600
}

// Recording runs a recording through the engine.
func Recording(rec *recording.Recording) Observation {
	base := time.UnixMilli(0).Add(24 * time.Hour)
	params := detect.Defaults()
	w := detect.NewWearer(schemas.MustID("recordings"), schemas.MustID("person"), detect.Always(params))
	out := &detect.Output{Trace: true}
	w.Take(&schemas.Batch{Device: schemas.MustID("sensor"), Boot: 1, Items: rec.Items(base)}, out)
	if open, ok := w.OpenMinute(); ok {
		out.Rollups = append(out.Rollups, open)
	}
	flexions, tilts := rec.Seated()
	o := Observation{
		Name: rec.Name, Kind: rec.Kind, Seconds: rec.Duration().Seconds(), SeatedDeg: Median(flexions), SeatedTilt: Median(tilts),
		SeatedLabelsS: rec.Account(params.Hold).Seated.Seconds(),
		Episodes:      map[schemas.Rule]int{}, Asked: map[schemas.Cause]int{},
	}
	o.minutes(out.Rollups)
	o.findings(out.Findings)
	rows := slices.DeleteFunc(out.Postures, func(p detect.Posture) bool { return rec.Row(p.Seq) == nil })
	o.postures(rows, params, base)
	o.Walks = walks(rows, params)
	return o
}

func (o *Observation) minutes(rollups []schemas.Rollup) {
	for i := range rollups {
		r := &rollups[i]
		o.SeatedS += float64(r.Sitting)
		o.Shifts += r.Shifts
	}
	o.SeatedS = math.Round(o.SeatedS*1000) / 1000 // what adding up rollups leaves behind
}

func (o *Observation) findings(findings []schemas.Finding) {
	for i := range findings {
		if f := &findings[i]; f.Step == schemas.Opened {
			o.Episodes[f.Rule]++
			if f.Rule == schemas.RuleCalibration {
				o.Asked[f.Cause]++
			}
		}
	}
}

// postures sums over the readings, each of which holds until the next one, if
// that comes soon enough.
func (o *Observation) postures(rows []detect.Posture, params *detect.Params, base time.Time) {
	var slouched, judged, load, known float64
	full := float32(25) // degrees from which the load only rises
	for i := range rows {
		p := &rows[i]
		if o.HoldPeak = max(o.HoldPeak, float64(p.Hold)); float64(p.Load) > o.LoadPeak {
			o.LoadPeak, o.LoadPeakS = float64(p.Load), float64(p.Time-base.UnixMilli())/1000
		}
		if i+1 == len(rows) || rows[i+1].Time-p.Time > params.Hold.Milliseconds() {
			continue
		}
		s, next := float64(rows[i+1].Time-p.Time)/1000, &rows[i+1]
		load += float64(p.Load) * s
		known += s
		if p.Moving {
			o.MovingS += s
		}
		bent := p.Known && !p.Moving && p.FlexionDeg >= full
		switch {
		case bent && next.Load > p.Load:
			o.LoadRose++
		case bent && next.Load < p.Load:
			o.LoadFell++
		}
		if p.Known && p.Sitting && !p.Moving {
			judged += s
			if float64(p.FlexionDeg) >= params.SlouchDeg {
				slouched += s
			}
		}
	}
	o.LoadMean, o.SlouchedShare = load/known, slouched/judged
}

// walks cuts walking into pieces as the engine's search for a shifted strap does.
func walks(rows []detect.Posture, params *detect.Params) Walks {
	var w Walks
	var flexions, leans []float64
	var flexion, lean, ms float64
	for i := range rows[:max(0, len(rows)-1)] {
		p, held := &rows[i], float64(rows[i+1].Time-rows[i].Time)
		if !p.Moving || !p.SittingKnown || p.Sitting || !p.Shown || held > float64(params.Hold.Milliseconds()) {
			flexion, lean, ms = 0, 0, 0
			continue
		}
		flexion, lean, ms = flexion+float64(p.FlexionDeg)*held, lean+float64(p.LeanDeg)*held, ms+held
		if ms >= float64(params.DriftFor.Milliseconds()) {
			flexions, leans = append(flexions, flexion/ms), append(leans, lean/ms)
			flexion, lean, ms = 0, 0, 0
		}
	}
	if w.Pieces = len(flexions); w.Pieces == 0 {
		return w
	}
	w.FlexionRange = slices.Max(flexions) - slices.Min(flexions)
	w.LeanRange = slices.Max(leans) - slices.Min(leans)
	run := 0
	for i := range flexions {
		offFlexion, offLean := math.Abs(flexions[i]-flexions[0]), math.Abs(leans[i]-leans[0])
		w.FlexionOff, w.LeanOff = max(w.FlexionOff, offFlexion), max(w.LeanOff, offLean)
		if run++; max(offFlexion, offLean) <= params.DriftDeg {
			run = 0
		}
		w.Run = max(w.Run, run)
	}
	return w
}
