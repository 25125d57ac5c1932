package e2e

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"sitwell/internal/cli"
	"sitwell/internal/sim/recording"
	"sitwell/internal/sim/replay"
)

// recordings are the open recordings of real people, which are not part of the
// project: beside it, or where SITWELL_RECORDINGS says.
func recordings(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("SITWELL_RECORDINGS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "recordings")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("recordings absent: put them beside the project or name their folder in SITWELL_RECORDINGS")
	}
	return files
}

// TestRecordingsReplay plays every recording through the whole pipeline and
// holds what it made of them against the labels.
func TestRecordingsReplay(t *testing.T) {
	files := recordings(t)
	w := start(t, t.TempDir())
	var out, errOut bytes.Buffer
	args := append([]string{
		"replay", "--json", "--speed", "10000", "--nats", w.NATS(), "--mqtt", w.MQTT(), "--api", w.HTTP(),
	}, files...)
	if code := cli.Run(t.Context(), "test", args, &out, &errOut); code != 0 {
		t.Fatalf("replay: exit %d: %s", code, &errOut)
	}
	var report replay.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Files) != len(files) {
		t.Errorf("%d files reported, %d replayed", len(report.Files), len(files))
	}
	if got := report.Movement.Sensitivity(); got < 0.85 {
		t.Errorf("moving was seen in %.3f of the rows, want 0.85", got)
	}
	if got := report.Movement.Specificity(); got < 0.90 {
		t.Errorf("still was seen in %.3f of the rows, want 0.90", got)
	}
	for _, f := range report.Files {
		if f.Movement.Missing > 0 {
			t.Errorf("%s: the engine has no posture of %d rows", f.Name, f.Movement.Missing)
		}
		if off := math.Abs(f.Seated.PipelineS - f.Seated.LabelsS); off > 0.01*f.Seated.LabelsS {
			t.Errorf("%s: %.1f s seated, %.1f s by the labels", f.Name, f.Seated.PipelineS, f.Seated.LabelsS)
		}
		if f.Kind == recording.Sternum && f.Seated.UnknownS < f.Seated.GapsS-1 {
			t.Errorf("%s: %.1f s unknown, but gaps over 5 s hold %.1f s", f.Name, f.Seated.UnknownS, f.Seated.GapsS)
		}
	}
}
