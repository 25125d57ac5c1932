package replay_test

import (
	"math"
	"strings"
	"testing"

	"sitwell/internal/sim/recording"
	"sitwell/internal/sim/replay"
	"sitwell/schemas"
)

func TestAMadeUpPersonIsObserved(t *testing.T) {
	rec, err := recording.Read("Person_1.csv", strings.NewReader(person()))
	if err != nil {
		t.Fatal(err)
	}
	o := replay.Observe(rec)
	// 4.5 of 9 minutes upright, 4 bent by 30 degrees: one shift, one slouch, a hold
	// of 3 min 15 s and more, and a load of 1-exp(-4/9.4).
	if o.SeatedS != 510 || o.SeatedLabelsS != 510 || o.Shifts != 1 || math.Abs(o.ShiftsPerHour()-7.06) > 0.01 {
		t.Errorf("%v s seated with %d shifts, %v an hour", o.SeatedS, o.Shifts, o.ShiftsPerHour())
	}
	if math.Abs(o.SlouchedShare-240.0/510) > 0.01 || o.HoldPeak != 1 || o.LoadFell != 0 {
		t.Errorf("slouched for %v of the time, hold %v, the load fell %d times", o.SlouchedShare, o.HoldPeak, o.LoadFell)
	}
	if want := 1 - math.Exp(-4/9.4); math.Abs(o.LoadPeak-want) > 0.005 || math.Abs(o.LoadPeakS-510) > 2 {
		t.Errorf("the load peaks at %v after %v s; want %v after 510 s", o.LoadPeak, o.LoadPeakS, want)
	}
	if o.Episodes[schemas.RuleSlouch] != 1 || o.Episodes[schemas.RuleHold] != 1 || o.Walks.Pieces != 2 || o.Walks.Run != 0 {
		t.Errorf("episodes are %v, walks %+v", o.Episodes, o.Walks)
	}
	var table strings.Builder
	if err := replay.WriteObservations(&table, []replay.Observation{o}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| Person_1 |", "| 7 |", "slouch 1, hold 1", "1 posture shifts"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, table.String())
		}
	}
}

// TestObservations prints the table of detect/DESIGN.md and holds it against what
// is known of people beforehand; no bound comes from the engine's own answers.
func TestObservations(t *testing.T) {
	var all []replay.Observation
	for _, rec := range append(recordings(t, "chest-accelerometer"), recordings(t, "sternum-rfid")...) {
		all = append(all, replay.Observe(rec))
	}
	var table strings.Builder
	if err := replay.WriteObservations(&table, all); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	var rates, seated []float64
	for i := range all {
		o := &all[i]
		plausible(t, o)
		if o.Kind != recording.Chest {
			continue
		}
		rates, seated = append(rates, o.ShiftsPerHour()), append(seated, o.SeatedDeg)
		// They walk for minutes, and nobody's strap was touched.
		if o.Walks.Pieces < 5 || o.Walks.Run >= 3 {
			t.Errorf("%s: %+v; want walking, and no three pieces in a row that pass for a shifted strap", o.Name, o.Walks)
		}
	}
	// Recorded office workers shift 21 times an hour at the median; these are nine
	// people in bouts of 6 to 17 minutes.
	if rate := replay.Median(rates); rate < 5 || rate > 60 {
		t.Errorf("%.1f posture shifts an hour at the median, 5 to 60 are plausible", rate)
	}
	// "Seated tilt relative to the same person's standing posture has medians from 8
	// to 45 degrees": tilt has no sign, flexion has, and tilt is good to 3 to 5.
	for i, deg := range seated {
		if math.Abs(deg) > 50 {
			t.Errorf("%s: %.0f degrees seated", all[i].Name, deg)
		}
	}
}

// plausible holds for any recording of a person.
func plausible(t *testing.T, o *replay.Observation) {
	t.Helper()
	if math.Abs(o.SeatedS-o.SeatedLabelsS) > 0.01*o.SeatedLabelsS {
		t.Errorf("%s: %.1f s seated, %.1f s by the labels", o.Name, o.SeatedS, o.SeatedLabelsS)
	}
	if o.LoadPeak < 0 || o.LoadPeak > 1 || o.LoadMean < 0 || o.LoadMean > o.LoadPeak || o.HoldPeak < 0 || o.HoldPeak > 1 {
		t.Errorf("%s: load %.3f at most and %.3f at the mean, hold %.3f", o.Name, o.LoadPeak, o.LoadMean, o.HoldPeak)
	}
	if o.LoadFell > 0 {
		t.Errorf("%s: the load fell %d times while the wearer was bent by 25 degrees and more", o.Name, o.LoadFell)
	}
	if n := o.Asked[schemas.Drift]; n > 0 {
		t.Errorf("%s: the strap is said to have shifted %d times", o.Name, n)
	}
	// No seated bout lasts 20 minutes, and no wearer works bent over.
	if n := o.Episodes[schemas.RuleImmobility] + o.Episodes[schemas.RuleBending]; o.Kind == recording.Chest && n > 0 {
		t.Errorf("%s: episodes %v", o.Name, o.Episodes)
	}
}
