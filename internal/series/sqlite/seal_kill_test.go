package sqlite

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// sealKillEnv holds a child's folder.
const sealKillEnv = "SITWELL_SEALKILL_DIR"

// hourly is the batch of a sequence: an hour of ann's and of seven others, of whom
// nothing is wanted but that there is something to free, and ann's hour before once more.
func hourly(seq uint64) series.Batch {
	i := int(seq) - 1
	at := benchStart.Add(time.Duration(i) * time.Hour)
	batch := series.Batch{Stream: schemas.StreamReadings, Seq: seq, Readings: []schemas.Batch{annsHours(seq*1000, at, 1)}}
	for w := range 7 {
		b := annsHours(seq*1000, at, 1)
		b.Wearer, b.Device = schemas.MustID("w"+strconv.Itoa(w)), schemas.MustID("d"+strconv.Itoa(w))
		batch.Readings = append(batch.Readings, b)
	}
	if i > 5 { // also to an hour that is sealed by then
		batch.Readings = append(batch.Readings, annsHours((seq-1)*1000, at.Add(-time.Hour), 1), lateHour(seq))
	}
	return batch
}

// lateHour are five readings of another device of ann's, five hours late.
func lateHour(seq uint64) schemas.Batch {
	b := annsHours(seq*1000, benchStart.Add(time.Duration(seq-6)*time.Hour), 1)
	b.Device, b.Items = schemas.MustID("late"), b.Items[1:6]
	return b
}

// TestKilledWhileSealing kills a process that appends, seals and makes files anew: all that
// it said was stored is there, once.
func TestKilledWhileSealing(t *testing.T) {
	if dir := os.Getenv(sealKillEnv); dir != "" {
		appendHours(t, dir)
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	var sealed, minutes int64
	for _, batches := range []int{9, 30, 17, 26} {
		acknowledged := killAppending(t, dir, batches)
		s := byHand(t, dir)
		wantNoCopies(t, dir)
		at := statsSeq(t, s) - 1
		if at < acknowledged {
			t.Errorf("the position is %d, %d was acknowledged", at, acknowledged)
		}
		wantHours(t, s, at)
		sealed, minutes = inAll(t, s, "hours"), inAll(t, s, "minutes")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		wantIntegrity(t, dir)
	}
	t.Logf("%d hours are sealed, %d minutes are not", sealed, minutes)
	if sealed < 50 {
		t.Errorf("%d hours are sealed, %d minutes are not: nothing was under way when it was killed", sealed, minutes)
	}
}

// wantHours compares what is stored with what was appended up to a sequence. A part of the next batch may
// be there, too.
func wantHours(t *testing.T, s *Store, at uint64) {
	t.Helper()
	want := map[schemas.ID]map[uint64]bool{annsDevice: {}, schemas.MustID("late"): {}}
	for seq := uint64(1); seq <= at; seq++ {
		for _, b := range hourly(seq).Readings {
			if b.Wearer != ann {
				continue
			}
			for i := range b.Items {
				want[b.Device][b.Items[i].Seq] = true
			}
		}
	}
	for _, r := range everything(t, s) {
		switch here, beyond := want[r.Device][r.Seq], r.Seq >= (at+1)*1000; {
		case here:
			delete(want[r.Device], r.Seq)
		case !beyond:
			t.Fatalf("reading %d of %s is stored twice, or never came", r.Seq, r.Device)
		}
	}
	for device, left := range want {
		if len(left) > 0 {
			t.Fatalf("%d readings of %s are lost", len(left), device)
		}
	}
}

// wantIntegrity has SQLite look through all files of readings.
func wantIntegrity(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "raw", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		db, err := sql.Open("sqlite", address(path, "ro"))
		if err != nil {
			t.Fatal(err)
		}
		var found string
		if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
			t.Errorf("%s: %s, %v", path, found, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// inAll counts the rows of a table in all files.
func inAll(t testing.TB, s *Store, table string) (sum int64) {
	t.Helper()
	err := s.files(t.Context(), series.Raw, 0, maxDay, func(f *file) error {
		var n int64
		err := f.read.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n)
		sum += n
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// appendHours is the child: it says each sequence that is stored.
func appendHours(t *testing.T, dir string) {
	t.Helper()
	s := openTest(t, dir)
	for seq := statsSeq(t, s); ; seq++ {
		if _, err := s.Append(t.Context(), hourly(seq)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(os.Stdout, "stored", seq); err != nil {
			t.Fatal(err)
		}
	}
}

// killAppending starts a child and kills it once it has stored so many batches.
func killAppending(t *testing.T, dir string, batches int) (acknowledged uint64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), sealKillEnv+"="+dir)
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
	seen := 0
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
