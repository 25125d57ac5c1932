package observe_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitwell/detect"
	"sitwell/internal/sim/observe"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

func TestAMadeUpPersonIsObserved(t *testing.T) {
	rec, err := recording.Read("Person_1.csv", strings.NewReader(person()))
	if err != nil {
		t.Fatal(err)
	}
	o := observe.Recording(rec)
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
	if err := observe.Write(&table, []observe.Observation{o}); err != nil {
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
	var all []observe.Observation
	for _, rec := range append(recordings(t, "chest-accelerometer"), recordings(t, "sternum-rfid")...) {
		all = append(all, observe.Recording(rec))
	}
	var table strings.Builder
	if err := observe.Write(&table, all); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	var rates []float64
	rose := 0
	for i := range all {
		o := &all[i]
		plausible(t, o)
		rose += o.LoadRose
		if o.Kind != recording.Chest {
			continue
		}
		rates = append(rates, o.ShiftsPerHour())
		// They walk for minutes, and nobody's strap was touched.
		if o.Walks.Pieces < 5 || o.Walks.Run >= detect.Defaults().DriftWalks {
			t.Errorf("%s: %+v; want walking, and no pieces in a row that pass for a shifted strap", o.Name, o.Walks)
		}
		// Known of these nine: "seated tilt relative to the same person's standing
		// posture has medians from 8 to 45 degrees", good to 3 to 5.
		if o.SeatedTilt < 3 || o.SeatedTilt > 50 {
			t.Errorf("%s sits at a tilt of %.0f degrees", o.Name, o.SeatedTilt)
		}
	}
	if rose < 100 {
		t.Errorf("the load rose only %d times while somebody was bent by 25 degrees and more", rose)
	}
	// Recorded office workers shift 21 times an hour at the median; these are nine
	// people in bouts of 6 to 17 minutes.
	if rate := observe.Median(rates); rate < 5 || rate > 60 {
		t.Errorf("%.1f posture shifts an hour at the median, 5 to 60 are plausible", rate)
	}
}

// plausible holds for any recording of a person.
func plausible(t *testing.T, o *observe.Observation) {
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

// recordings are all of a data set; the test skips where they are absent.
func recordings(t *testing.T, folder string) []*recording.Recording {
	t.Helper()
	root := os.Getenv("SITWELL_RECORDINGS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "recordings")
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skipf("recordings absent: no %s in %s; set SITWELL_RECORDINGS to their folder", filepath.Join(folder, "*.csv"), root)
	}
	all := make([]*recording.Recording, len(files))
	for i, file := range files {
		if all[i], err = recording.Open(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// person is a made-up chest recording: 9 minutes of sitting, of which the last 4
// are slouched, then a minute of standing and one of walking.
func person() string {
	var b strings.Builder
	b.WriteString("t_s,ax_g,ay_g,az_g,sd_g,label\n")
	for i := range 2 * 11 * 60 {
		t := float64(i) / 2
		deg, sd, label := 0.0, 0.01, 1
		switch {
		case t >= 600:
			sd, label = 0.25, 4
		case t >= 540:
			label = 3
		case t >= 300:
			deg = 30
		}
		sin, cos := math.Sincos(deg * math.Pi / 180)
		_, _ = fmt.Fprintf(&b, "%.1f,0,%.3f,%.3f,%.4f,%d\n", t, cos, sin, sd, label)
	}
	return b.String()
}
