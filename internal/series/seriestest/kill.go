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
	// childItems are the readings of a child's append that are in time, childStep seconds
	// apart; childLate are those of another run that come six hours late, and as many of
	// the others are marked; childBobs are those of bob, who is erased each time after
	// childErases appends.
	childItems  = 400
	childStep   = 4
	childSpan   = childItems * childStep // seconds of an append
	childLate   = 10
	childBobs   = 5
	childErases = 4
	childLog    = "the child's"
)

// childReading is a reading of ann's of run 1, childLateReading one of run 2, and
// childBobsReading one of bob's: each can be told again from its sequence alone.
func childReading(seq uint64) schemas.Item { return reading(seq, float64(seq*childStep)) }

func childLateReading(seq uint64) schemas.Item {
	return reading(seq, float64(seq/childLate*childSpan+seq%childLate)-6*3600)
}

func childBobsReading(seq uint64) schemas.Item {
	return reading(seq, float64(seq/childBobs*childSpan+seq%childBobs))
}

// childBatch is what a child appends at a sequence: it can be told again from
// the sequence alone. Readings of the two batches before come again.
func childBatch(seq uint64) series.Batch {
	first := max(seq, 3) - 3
	mine, late, bobs := run(1), run(2), run(1)
	bobs.Wearer, bobs.Device = bob, spare
	for n := first * childItems; n < seq*childItems; n++ {
		mine.Items = append(mine.Items, childReading(n))
	}
	for n := first * childLate; n < seq*childLate; n++ {
		late.Items = append(late.Items, childLateReading(n))
	}
	for n := first * childBobs; n < seq*childBobs; n++ {
		bobs.Items = append(bobs.Items, childBobsReading(n))
	}
	return in(childLog, raw(seq, mine, late, bobs))
}

// childMarks marks the first ten readings that are new in the batch of a sequence and
// those that came late, and brings a minute.
func childMarks(seq uint64) series.Batch {
	at, late := float64((seq-1)*childSpan), (seq-1)*childLate
	first := (seq - 1) * childItems
	b := marked(seq, lateAt(1, first, first+childLate-1, at, at+(childLate-1)*childStep), lateAt(2, late, late+childLate-1, at-6*3600, at-6*3600+childLate-1))
	b.Rollups = []schemas.Rollup{sitting(float64(60*seq), 30)}
	return in(childLog, b)
}

// childEnd is the end of what the batch of a sequence brings of bob.
func childEnd(seq uint64) time.Time { return after(float64(seq * childSpan)) }

// What a child does at a sequence, in this order: it says each when it begins.
const (
	appending = "appending"
	replacing = "replacing"
	marking   = "marking"
	erasing   = "erasing"
)

// appendUntilKilled is the child: it says each sequence that is stored.
func appendUntilKilled(t *testing.T, s series.Store) {
	t.Helper()
	say := func(what string, seq uint64) {
		if _, err := fmt.Fprintln(os.Stdout, what, seq); err != nil {
			t.Fatal(err)
		}
	}
	for seq := position(t, s, schemas.StreamRollups) + 1; ; seq++ {
		say(appending, seq)
		mustAppend(t, s, childBatch(seq))
		say(replacing, seq)
		mustReplace(t, s, between(annOf, -3600, 0), generation(int(seq))) //nolint:gosec // a small number
		say(marking, seq)
		mustAppend(t, s, childMarks(seq))
		if seq%childErases == 0 {
			say(erasing, seq)
			if _, err := s.Erase(t.Context(), acme, bob, childEnd(seq)); err != nil {
				t.Fatalf("erase: %v", err)
			}
		}
		say("stored", seq)
	}
}

// kill: after a kill -9 all up to the positions is there, of what lies above them at most
// a part of one batch, they are not behind what was acknowledged, and a replacement is
// there whole or not at all. The same batch again, and the erasure, put right what was
// begun. A child is killed in each of its steps.
func kill(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	erased := uint64(0)
	for i, step := range []string{appending, replacing, marking, erasing, appending, erasing} {
		acknowledged := killOne(t, dir, 2+i%3, step)
		s := open(t, dir)
		k := killed{store: s, acknowledged: acknowledged, erased: max(erased, acknowledged/childErases*childErases)}
		k.want(t)
		erased = k.repair(t)
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

// killOne starts a child on dir and kills it as soon as it begins a step, once it has
// stored so many batches. It returns the last sequence that the child said was stored.
func killOne(t *testing.T, dir string, batches int, step string) (acknowledged uint64) {
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
	seen, dead := 0, false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		what, number, _ := strings.Cut(lines.Text(), " ")
		if what == "stored" { // what it still says until it is dead counts too
			if acknowledged, err = strconv.ParseUint(number, 10, 64); err != nil {
				t.Fatalf("child said %q", lines.Text())
			}
			seen++
		}
		if what == step && seen >= batches && !dead {
			dead = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if !dead {
		t.Fatalf("the child ended by itself:\n%s", strings.Join(said, "\n"))
	}
	return acknowledged
}
