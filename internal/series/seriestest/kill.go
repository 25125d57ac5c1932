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
	childLog   = "the child's"
)

// childBatch is what a child appends at a sequence: it can be told again from
// the sequence alone. Readings of the two batches before come again.
func childBatch(seq uint64) series.Batch {
	i := int(seq) - 1 //nolint:gosec // a small number
	first := max(i-2, 0) * childItems
	return raw(seq, run(1, readings(uint64(first), (i+1)*childItems-first, float64(first*childStep), childStep)...))
}

// childMarks marks the first ten readings that are new in the batch of a sequence, and
// brings a minute.
func childMarks(seq uint64) series.Batch {
	first := (seq - 1) * childItems
	b := marked(seq, late(1, first, first+9))
	b.Rollups = []schemas.Rollup{sitting(float64(60*seq), 30)}
	return b
}

// appendUntilKilled is the child: it says each sequence that is stored, its readings
// first, then a replacement, and its marks last.
func appendUntilKilled(t *testing.T, s series.Store) {
	t.Helper()
	for seq := position(t, s, schemas.StreamRollups) + 1; ; seq++ {
		mustAppend(t, s, in(childLog, childBatch(seq)))
		mustReplace(t, s, between(annOf, -3600, 0), generation(int(seq))) //nolint:gosec // a small number
		mustAppend(t, s, in(childLog, childMarks(seq)))
		if _, err := fmt.Fprintln(os.Stdout, "stored", seq); err != nil {
			t.Fatal(err)
		}
	}
}

// kill: after a kill -9 all up to the positions is there, nothing above them is, they
// are not behind what was acknowledged, and a replacement is there whole or not at all.
func kill(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	for i := range kills {
		acknowledged := killOne(t, dir, uint64(7*i+3))
		s := open(t, dir)
		wantKilled(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

func wantKilled(t *testing.T, s series.Store, acknowledged uint64) {
	t.Helper()
	at, marked := position(t, s, schemas.StreamReadings), position(t, s, schemas.StreamRollups)
	if at < marked || marked < acknowledged {
		t.Errorf("positions are %d and %d, %d was acknowledged", at, marked, acknowledged)
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups} {
		if at := place(t, s, stream); at.Seq > 0 && at.Log != childLog {
			t.Errorf("position of %s is %+v, without its log", stream, at)
		}
	}
	n := uint64(0)
	ever := annOf
	ever.To = monday.AddDate(10, 0, 0)
	for _, r := range stored(t, s, ever) {
		if want := reading(n, float64(n*childStep)); r.Item != want {
			t.Fatalf("reading %d is %+v, want %+v", n, r.Item, want)
		}
		if want := n%childItems < 10 && n/childItems < marked; r.Late != want {
			t.Errorf("reading %d is late: %v, with marks up to %d", n, r.Late, marked)
		}
		n++
	}
	if want := at * childItems; n != want {
		t.Errorf("%d readings at position %d, want %d", n, at, want)
	}
	generation, err := generationOf(s)
	g := uint64(generation) //nolint:gosec // a small number
	if err != nil || g < marked || g > at {
		t.Errorf("generation %d is stored, %v, at positions %d and %d", g, err, at, marked)
	}
	want := series.Stats{Readings: int64(n), Rollups: int64(marked)} //nolint:gosec // small numbers
	if g > 0 {
		want.Rollups, want.Episodes, want.Findings = want.Rollups+30, 1, 2
	}
	wantStats(t, s, want)
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
