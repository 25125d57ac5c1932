package replay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/registry"
	"sitwell/internal/sim/recording"
	"sitwell/internal/sim/replay"
	"sitwell/schemas"
)

var org = schemas.MustID("acme")

// start is the whole application on free ports, with an organisation.
func start(t *testing.T) *app.App {
	t.Helper()
	a, err := app.New(app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", FreePorts: true,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := a.Registry().AddOrg(t.Context(), registry.Org{ID: org, Name: "Acme", Zone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	return a
}

// registrar registers in the application's own registry.
type registrar struct{ r *registry.Registry }

var _ replay.Registrar = registrar{}

func (r registrar) Register(ctx context.Context, org, wearer, device schemas.ID, from time.Time) error {
	return errors.Join(
		r.r.AddWearer(ctx, registry.Wearer{Org: org, ID: wearer, Name: wearer.String()}),
		r.r.AddDevice(ctx, org, device),
		r.r.Assign(ctx, org, device, registry.Assignment{Wearer: wearer, From: from}),
	)
}

func options(a *app.App, speed float64) replay.Options {
	return replay.Options{URL: a.MQTT(), API: a.HTTP(), Org: org, Speed: speed, Registrar: registrar{a.Registry()}}
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

func TestAMadeUpPersonIsReplayed(t *testing.T) {
	a := start(t)
	rec, err := recording.Read("Person_1.csv", strings.NewReader(person()))
	if err != nil {
		t.Fatal(err)
	}
	var last replay.Progress
	o := options(a, 300)
	o.Progress = func(p replay.Progress) { last = p }
	report, err := replay.Run(t.Context(), o, []*recording.Recording{rec})
	if err != nil {
		t.Fatal(err)
	}
	f := report.Files[0]
	if last.Acked != int64(f.Rows+2) || last.Total != last.Acked {
		t.Errorf("progress ends at %+v; want all of %d rows and 2 events", last, f.Rows)
	}
	if f.Rows != 2*11*60-60 || f.Judged != f.Rows || f.Dropped != 60 || !strings.HasPrefix(f.Wearer.String(), "person_1-") {
		t.Errorf("%d rows of %s, %d judged, %d dropped", f.Rows, f.Wearer, f.Judged, f.Dropped)
	}
	// Movement is seen, and lost, some rows after it begins: its window is 4 s.
	if m := f.Movement; m.Rows() != f.Rows || m.Sensitivity() < 0.95 || m.Specificity() != 1 || m.Missing != 0 {
		t.Errorf("movement is %+v", m)
	}
	if s := f.Seated; math.Abs(s.PipelineS-s.LabelsS) > 0.1 || s.LabelsS != 510 || math.Abs(s.UnknownS) > 0.1 {
		t.Errorf("seated is %+v; want 510 s", s)
	}
	if len(f.Nudges) != 1 || f.Nudges[0].Rule != schemas.RuleSlouch || f.Nudges[0].Action != schemas.ActionHeld || f.NudgesPerHour < 5 {
		t.Errorf("%d episodes, nudges are %+v, %.1f an hour; want one slouch, held back as it is stale", f.Episodes, f.Nudges, f.NudgesPerHour)
	}
	var table strings.Builder
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Person_1", "all rows together", "stand-in", "stale"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, table.String())
		}
	}
}

// nobody registers nothing, so that all readings go to quarantine.
type nobody struct{}

func (nobody) Register(context.Context, schemas.ID, schemas.ID, schemas.ID, time.Time) error {
	return nil
}

func TestAPipelineThatStoresNothingIsNamed(t *testing.T) {
	a := start(t)
	rec, err := recording.Read("p.csv", strings.NewReader(person()))
	if err != nil {
		t.Fatal(err)
	}
	o := options(a, 10_000)
	o.Registrar, o.Label = nobody{}, "here"
	if _, err := replay.Run(t.Context(), o, []*recording.Recording{rec}); err == nil || !strings.Contains(err.Error(), "p-here") {
		t.Errorf("error is %v; want it to name the wearer", err)
	}
	o.Registrar, o.Wait = registrar{a.Registry()}, time.Millisecond
	if _, err := replay.Run(t.Context(), o, []*recording.Recording{rec}); !errors.Is(err, replay.ErrBehind) {
		t.Errorf("error is %v; want ErrBehind", err)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for want, o := range map[string]replay.Options{
		"broker": {}, "API": {URL: "tcp://x"}, "organisation": {URL: "tcp://x", API: "x"}, "speed": {URL: "tcp://x", API: "x", Org: org},
		"registers": {URL: "tcp://x", API: "x", Org: org, Speed: 1},
	} {
		if _, err := replay.Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want it to say %q", err, want)
		}
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

func TestRecordedPeopleAreSeenAsLabelled(t *testing.T) {
	all := append(recordings(t, "chest-accelerometer"), recordings(t, "sternum-rfid")...)
	a := start(t)
	report, err := replay.Run(t.Context(), options(a, 400), all)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	if m := report.Movement; m.Sensitivity() < 0.85 || m.Specificity() < 0.90 || m.Missing+m.Unknown != 0 {
		t.Errorf("over all chest rows: sensitivity %.3f, specificity %.3f, %+v; want 0.85 and 0.90", m.Sensitivity(), m.Specificity(), m)
	}
	for i := range report.Files {
		f := &report.Files[i]
		if math.Abs(f.Seated.PipelineS-f.Seated.LabelsS) > 0.01*f.Seated.LabelsS || f.Judged != f.Rows {
			t.Errorf("%s: %+v, %d of %d rows judged; want within 1 %%", f.Name, f.Seated, f.Judged, f.Rows)
		}
		// Of a row without a label, the engine may see that the wearer moves.
		if s := f.Seated; s.UnknownS < s.GapsS-0.5 || s.UnknownS > s.GapsS+s.UnlabelledS+0.5 {
			t.Errorf("%s: %.1f s unknown, the gaps have %.1f s and rows without a label %.1f s",
				f.Name, f.Seated.UnknownS, f.Seated.GapsS, f.Seated.UnlabelledS)
		}
	}
}
