package recording_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

const (
	chestHeader   = "t_s,ax_g,ay_g,az_g,sd_g,label\n"
	sternumHeader = "t_s,frontal_g,vertical_g,lateral_g,antenna,rssi_dbm,phase_rad,freq_mhz,label\n"
)

func read(t *testing.T, text string) *recording.Recording {
	t.Helper()
	r, err := recording.Read("made_up.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDamageIsNamedByItsLine(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "it is empty"},
		{"another header", "a,b\n1,2\n", "line 1"},
		{"one row", chestHeader + "0,0,1,0,0.01,1\n", "1 rows"},
		{"too few fields", chestHeader + "0,0,1,0,0.01,1\n0.5,0,1,0\n", "line 3"},
		{"no number", chestHeader + "0,0,1,0,0.01,1\n0.5,0,one,0,0.01,1\n", `line 3: not a recording that can be replayed: ay_g is "one"`},
		{"not finite", chestHeader + "0,0,NaN,0,0.01,1\n", `line 2`},
		{"beyond range", chestHeader + "0,0,100,0,0.01,1\n", `line 2`},
		{"unknown label", chestHeader + "0,0,1,0,0.01,8\n", `line 2: not a recording that can be replayed: label is "8", not 0 to 7`},
		{"time runs back", chestHeader + "1,0,1,0,0.01,1\n0.5,0,1,0,0.01,1\n", "line 3"},
		{"an open quote", chestHeader + "0,0,1,0,0.01,1\n0.5,\"0,1,0,0.01,1\n", "line 3"},
		{"only the start", chestHeader + "0,0,1,0,0.01,1\n0.5,0,1,0,0.01,1\n", "first 30 s"},
		{"nobody stands", chestHeader + "30,0,1,0,0.01,1\n30.5,0,1,0,0.01,1\n", "label 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := recording.Read("made_up.csv", strings.NewReader(tt.text))
			if !errors.Is(err, recording.ErrFormat) || !strings.Contains(err.Error(), tt.want) ||
				!strings.HasPrefix(err.Error(), "read made_up.csv: ") {
				t.Errorf("error is %v; want it to name made_up.csv and %q", err, tt.want)
			}
		})
	}
}

func TestChestItems(t *testing.T) {
	lean := func(deg float64) string {
		return fmt.Sprintf("0,%.3f,%.3f", math.Cos(deg*math.Pi/180), math.Sin(deg*math.Pi/180))
	}
	r := read(t, chestHeader+
		"0.0,0,0,1,0.5,1\n"+ // dropped
		"30.0,"+lean(10)+",0.008,1\n30.5,"+lean(30)+",0.009,1\n31.0,"+lean(30)+",0.009,1\n31.5,"+lean(30)+",0.009,1\n"+
		"32.0,"+lean(0)+",0.010,3\n32.5,"+lean(5)+",0.250,4\n33.0,"+lean(5)+",0.250,0\n")
	base := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	items := r.Items(base)
	if len(items) != 9 || r.Dropped != 1 || r.Duration() != 3*time.Second {
		t.Fatalf("%d items, %d rows dropped, %v", len(items), r.Dropped, r.Duration())
	}
	for i := range items {
		if items[i].Seq != uint64(i) {
			t.Errorf("item %d has seq %d", i, items[i].Seq)
		}
	}
	for i, want := range []struct {
		pose    schemas.Pose
		upright [3]int16
	}{{schemas.Standing, [3]int16{0, 1000, 0}}, {schemas.Seated, [3]int16{0, 985, 174}}} {
		if e := items[i].Event; e == nil || e.Pose != want.pose || *e.Upright != want.upright {
			t.Errorf("event %d is %+v; want the %s pose %v", i, e, want.pose, want.upright)
		}
	}
	first, walking, unlabelled := items[2], items[7], items[8]
	if first.Time != base.UnixMilli() || !first.Fields.Has(schemas.HasAcc|schemas.IsSitting|schemas.HasSitting|schemas.IsWorn) || first.Motion != 8 {
		t.Errorf("the first reading is %+v", first)
	}
	if walking.Fields.Has(schemas.IsSitting) || !walking.Fields.Has(schemas.HasSitting) || walking.Motion != 250 ||
		walking.Time != base.Add(2500*time.Millisecond).UnixMilli() {
		t.Errorf("the walking reading is %+v", walking)
	}
	if unlabelled.Fields.Has(schemas.HasSitting) {
		t.Error("an unlabelled row says whether somebody sits")
	}
	if row := r.Row(7); row == nil || row.Label != 4 || r.Row(1) != nil || r.Row(9) != nil {
		t.Error("sequence numbers do not lead back to their rows")
	}
	a := r.Account(5 * time.Second)
	if a.Seated != 2*time.Second || a.Other != time.Second || a.NoLabel != 0 || a.Gaps != 0 {
		t.Errorf("the account is %+v", a)
	}
}

func TestSternumItems(t *testing.T) {
	r := read(t, sternumHeader+
		"0,0.1,0.99,0.05,1,-60,1,920,2\n0.25,0.1,0.99,0.05,1,-60,1,920,2\n0.5,0.1,0.99,0.05,1,-60,1,920,1\n"+
		"1,0.1,1.29,0.05,1,-60,1,920,4\n10,1,0,0,1,-60,1,920,3\n11,1,0,0,1,-60,1,920,3\n")
	items := r.Items(time.UnixMilli(0))
	if items[0].Event == nil || *items[1].Event.Upright != [3]int16{0, 1000, 0} {
		t.Errorf("the events are %+v and %+v", items[0].Event, items[1].Event)
	}
	if first := items[2]; first.Acc != [3]int16{50, 990, -100} || first.Fields.Has(schemas.HasMotion) {
		t.Errorf("the first reading is %+v; want x, y, z of 50, 990, -100 and no motion", first)
	}
	if moved := items[5]; !moved.Fields.Has(schemas.HasMotion) || moved.Motion < 100 {
		t.Errorf("the fourth reading is %+v; want motion", moved)
	}
	if lying := items[6]; lying.Fields.Has(schemas.IsSitting) || !lying.Fields.Has(schemas.HasSitting) || lying.Fields.Has(schemas.HasMotion) {
		t.Errorf("lying is %+v", lying)
	}
	want := recording.Account{Seated: time.Second, Other: time.Second, Gaps: 9 * time.Second, Longest: 9 * time.Second}
	if a := r.Account(5 * time.Second); a != want {
		t.Errorf("the account is %+v, want %+v", a, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(chestHeader + "30,0,1,0,0.01,1\n30.5,0,1,0,0.01,3\n31,0,1,0,0.01,3\n")
	f.Add(sternumHeader + "0,0.1,0.99,0.05,1,-60,1,920,2\n1,0.1,0.99,0.05,1,-60,1,920,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := recording.Read("fuzz.csv", strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, recording.ErrFormat) {
				t.Errorf("error is %v", err)
			}
			return
		}
		var last int64
		for i, item := range r.Items(time.UnixMilli(1)) {
			if item.Seq != uint64(i) || item.Time < last {
				t.Fatalf("item %d has seq %d, time %d after %d", i, item.Seq, item.Time, last)
			}
			last = item.Time
		}
	})
}

// recordings are the files of a data set; the test skips where they are absent.
func recordings(t *testing.T, folder string) []string {
	t.Helper()
	root := os.Getenv("SITWELL_RECORDINGS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "recordings")
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skipf("recordings absent: no %s in %s; set SITWELL_RECORDINGS to their folder", filepath.Join(folder, "*.csv"), root)
	}
	return files
}

// judged runs a recording through the engine.
func judged(t *testing.T, file string) (*recording.Recording, *detect.Output, float64) {
	t.Helper()
	r, err := recording.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	w := detect.NewWearer(schemas.MustID("acme"), schemas.MustID("somebody"), detect.Always(detect.Defaults()))
	out := &detect.Output{Trace: true}
	w.Take(&schemas.Batch{Device: schemas.MustID("band"), Boot: 1, Items: r.Items(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))}, out)
	if open, ok := w.OpenMinute(); ok {
		out.Rollups = append(out.Rollups, open)
	}
	sitting := 0.0
	for i := range out.Rollups {
		sitting += float64(out.Rollups[i].Sitting)
	}
	return r, out, sitting
}

func TestMovingIsToldFromStill(t *testing.T) {
	var tp, fn, tn, fp float64
	for _, file := range recordings(t, "chest-accelerometer") {
		r, out, sitting := judged(t, file)
		for _, p := range out.Postures {
			row := r.Row(p.Seq)
			if row == nil {
				t.Fatalf("%s: a posture of seq %d, which is no row", r.Name, p.Seq)
			}
			switch moves, known := row.Moving(); {
			case !known:
			case moves && p.Moving:
				tp++
			case moves:
				fn++
			case p.Moving:
				fp++
			default:
				tn++
			}
		}
		checkSeated(t, r, sitting)
	}
	sensitivity, specificity := tp/(tp+fn), tn/(tn+fp)
	t.Logf("over %.0f rows: sensitivity %.3f, specificity %.3f", tp+fn+tn+fp, sensitivity, specificity)
	if sensitivity < 0.85 || specificity < 0.90 {
		t.Errorf("sensitivity %.3f, specificity %.3f; want 0.85 and 0.90", sensitivity, specificity)
	}
}

func TestSeatedTimeOutsideGapsIsAccountedFor(t *testing.T) {
	for _, file := range recordings(t, "sternum-rfid") {
		r, _, sitting := judged(t, file)
		checkSeated(t, r, sitting)
	}
}

func checkSeated(t *testing.T, r *recording.Recording, sitting float64) {
	t.Helper()
	want := r.Account(detect.Defaults().Hold).Seated.Seconds()
	if math.Abs(sitting-want) > 0.01*want {
		t.Errorf("%s: %.2f s seated, the labels say %.2f s", r.Name, sitting, want)
	}
}
