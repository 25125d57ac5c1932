package seriestest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// childEnv holds a child's folder.
	childEnv = "SITWELL_SERIESTEST_DIR"
	kills    = 5
	// childItems are the readings of a child's append; childStep is the seconds
	// between two.
	childItems = 400
	childStep  = 4
)

// childBatch is what a child appends at a sequence: it can be told again from
// the sequence alone. Readings of the two batches before come again.
func childBatch(seq uint64) series.Batch {
	i := int(seq) - 1 //nolint:gosec // a small number
	first := max(i-2, 0) * childItems
	return raw(seq, run(1, readings(uint64(first), (i+1)*childItems-first, float64(first*childStep), childStep)...))
}

// appendUntilKilled is the child: it says each sequence that is stored.
func appendUntilKilled(t *testing.T, s series.Store) {
	t.Helper()
	for seq := position(t, s, schemas.StreamReadings) + 1; ; seq++ {
		mustAppend(t, s, childBatch(seq))
		if _, err := fmt.Fprintln(os.Stdout, "stored", seq); err != nil {
			t.Fatal(err)
		}
	}
}

// kill: after a kill -9 all up to the position is there, nothing above it is,
// and the position is not behind what was acknowledged.
func kill(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	for i := range kills {
		acknowledged := killOne(t, dir, uint64(7*i+3))
		s := open(t, dir)
		at := position(t, s, schemas.StreamReadings)
		if at < acknowledged {
			t.Errorf("position is %d, %d was acknowledged", at, acknowledged)
		}
		n := 0
		ever := annOf
		ever.To = monday.AddDate(10, 0, 0)
		for _, r := range stored(t, s, ever) {
			if want := reading(uint64(n), float64(n*childStep)); r.Item != want {
				t.Fatalf("reading %d is %+v, want %+v", n, r.Item, want)
			}
			n++
		}
		if want := int(at) * childItems; n != want { //nolint:gosec // a small number
			t.Errorf("%d readings at position %d, want %d", n, at, want)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

// killOne starts a child on dir and kills it once it has stored so many
// batches. It returns the last sequence that the child said was stored.
func killOne(t *testing.T, dir string, batches uint64) (acknowledged uint64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+name+"$", "-test.v")
	child.Env = append(os.Environ(), childEnv+"="+dir)
	child.WaitDelay = 10 * time.Second
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = child.Stdout
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	var seen uint64
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "stored ")
		if !ok {
			said = append(said, lines.Text())
			continue
		}
		if acknowledged, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("child said %q", lines.Text())
		}
		if seen++; seen == batches { // what it still says until it is dead counts too
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if seen < batches {
		t.Fatalf("the child ended by itself:\n%s", strings.Join(said, "\n"))
	}
	return acknowledged
}
