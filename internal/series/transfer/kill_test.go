package transfer

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childEnv holds the folders of a child's source and destination.
const childEnv = "SITWELL_TRANSFERTEST_DIRS"

// copyUntilKilled is the child: it says each unit that it is done with.
func copyUntilKilled(t *testing.T, dirs string) {
	t.Helper()
	from, to, _ := strings.Cut(dirs, "\n")
	_, err := run(t.Context(), Options{From: open(t, from), To: open(t, to), Progress: func(p Progress) {
		if _, err := fmt.Fprintln(os.Stdout, p.Phase, p.Done); err != nil {
			t.Error(err)
		}
	}}, 8<<10)
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
}

// A copy whose process is killed, while it copies and while it verifies, is whole in the
// end.
func TestKilledCopyGoesOn(t *testing.T) {
	if dirs := os.Getenv(childEnv); dirs != "" {
		copyUntilKilled(t, dirs)
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	dirs := [2]string{t.TempDir(), t.TempDir()}
	from := open(t, dirs[0])
	fill(t, from, "log", 0, days)
	for _, at := range []Progress{{Phase: Copying, Done: 1}, {Phase: Copying, Done: 4}, {Phase: Copying, Done: 9}, {Phase: Verifying, Done: 3}} {
		kill(t, dirs, at)
	}
	to := open(t, dirs[1])
	report, err := run(t.Context(), Options{From: from, To: to, Exact: true}, 8<<10)
	if err != nil || report.Resumed != report.Units || report.Again > 0 {
		t.Errorf("the copy came to %+v, %v", report, err)
	}
	wantSame(t, from, to)
}

// kill starts a child and kills it as soon as it is so far, or farther.
func kill(t *testing.T, dirs [2]string, at Progress) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestKilledCopyGoesOn$", "-test.v")
	child.Env = append(os.Environ(), childEnv+"="+dirs[0]+"\n"+dirs[1])
	child.WaitDelay = 10 * time.Second
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		var is Progress
		if _, err := fmt.Sscan(lines.Text(), &is.Phase, &is.Done); err != nil {
			continue // not the child's own words
		}
		if far := is.Phase == at.Phase && is.Done >= at.Done || is.Phase == Verifying && at.Phase == Copying; far && !killed {
			killed = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if !killed {
		t.Fatalf("the child never was at %+v:\n%s", at, strings.Join(said, "\n"))
	}
}
