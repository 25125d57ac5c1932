package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	oldDays, oldWearers, oldMinutes = 12, 6, 40 // of each day and wearer
	oldReadings                     = 15        // of each minute
	// upgradeEnv holds the folder of a child that is to bring it up.
	upgradeEnv = "SITWELL_SQLITE_UPGRADE_DIR"
)

// makeOld writes a store of layout 3 with some days of some wearers into a folder.
func makeOld(t *testing.T, dir string) {
	t.Helper()
	dump, err := os.ReadFile(filepath.Join("testdata", "version3.sql"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, OldFileName)
	alter(t, path, string(dump)+tableLogs)
	db, err := sql.Open("sqlite", address(path, "rw", "journal_mode(WAL)"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"wearers", "runs", "seen", "late", "minutes", "rollups", "episodes", "findings", "decisions", "counters", "positions"} {
		exec("DELETE FROM " + table)
	}
	var pack packer
	for w := int64(10); w < 10+oldWearers; w++ {
		exec(`INSERT INTO wearers VALUES (?, 'acme', ?)`, w, fmt.Sprintf("w%03d", w))
		exec(`INSERT INTO runs VALUES (?, 'acme', ?, 1)`, 100+w, fmt.Sprintf("d%03d", w))
		seq := uint64(0)
		for d := range int64(oldDays) {
			for m := range int64(oldMinutes) {
				key := rowKey(w, benchStart.Unix()/60+d*dayMinutes+m)
				items := make([]schemas.Item, oldReadings)
				for i := range items {
					items[i].Reading = schemas.Reading{Seq: seq, Time: int64(i) * 4000, TrunkPitch: int16(seq % 300), Fields: schemas.HasTrunk}
					seq++
				}
				data, err := schemas.AppendItems(binary.AppendUvarint(nil, uint64(100+w)), items)
				if err != nil {
					t.Fatal(err)
				}
				exec(`INSERT INTO minutes VALUES (?, ?)`, key, data)
				exec(`INSERT INTO rollups VALUES (?, 41500, 10000, 8500, 0, 30000, 20000, 12345, 1, 0, 0, 0, 0, 0, 0, 0)`, key)
			}
			f := testFinding(fmt.Sprintf("e%d-%d", w, d), schemas.Opened, nil)
			f.Start = benchStart.AddDate(0, 0, int(d))
			body, err := pack.finding(&f)
			if err != nil {
				t.Fatal(err)
			}
			exec(`INSERT INTO findings (wearer, episode, id, body) VALUES (?, ?, ?, ?)`, w, f.Episode, f.ID, body)
			exec(`INSERT INTO episodes VALUES (?, ?, 'slouch', ?, ?, 1, '', 5, 17.5, 0, ?, 1, '', 1000)`, w, f.Episode, f.Start.UnixMilli(),
				f.Start.AddDate(0, 0, 5).UnixMilli(), f.Start.UnixMilli()) // five days long
			exec(`INSERT INTO decisions (wearer, id, time, body) VALUES (?, ?, ?, ?)`, w, "d"+f.Episode, f.Start.UnixMilli(),
				fmt.Sprintf(`{"schema":%q,"id":"d%s","org":"acme","wearer":"w%03d","time":%q}`, schemas.SchemaDecision, f.Episode, w, f.Start.Format(time.RFC3339)))
		}
		set := spans{{0, uint16(seq - 1)}}
		exec(`INSERT INTO seen VALUES (?, 0, ?)`, 100+w, set.encode(nil))
		exec(`INSERT INTO late VALUES (?, 3, 12)`, 100+w)
	}
	exec(`INSERT INTO positions VALUES ('READINGS', 77)`)
	exec(`INSERT INTO logs VALUES ('READINGS', 'the log')`)
	exec(`INSERT INTO counters VALUES ('duplicates', 5)`)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// wantOld wants all that makeOld made.
func wantOld(t *testing.T, s *Store) {
	t.Helper()
	const n = oldDays * oldWearers
	got, err := s.Stats(t.Context())
	got.Bytes = 0
	if want := (series.Stats{Readings: n * oldMinutes * oldReadings, Rollups: n * oldMinutes, Episodes: n, Findings: n, Decisions: n, Duplicates: 5}); err != nil || got != want {
		t.Errorf("stats are %+v, %v, want %+v", got, err, want)
	}
	if at, err := s.Position(t.Context(), schemas.StreamReadings); err != nil || at != (series.Position{Seq: 77, Log: "the log"}) {
		t.Errorf("position is %+v, %v", at, err)
	}
	for w := 10; w < 10+oldWearers; w++ {
		q := series.Query{Org: org, Wearer: schemas.MustID(fmt.Sprintf("w%03d", w)), From: benchStart, To: benchStart.AddDate(0, 0, oldDays)}
		seq := uint64(0)
		if err := s.Readings(t.Context(), q, func(r series.Reading) error {
			if r.Seq != seq || r.TrunkPitch != int16(seq%300) || r.Late != (seq >= 3 && seq <= 12) {
				t.Errorf("reading %d is %+v", seq, r)
			}
			seq++
			return nil
		}); err != nil || seq != oldDays*oldMinutes*oldReadings {
			t.Errorf("%d readings, %v", seq, err)
		}
		rollups, err := s.Rollups(t.Context(), q)
		if err != nil || len(rollups) != oldDays*oldMinutes || rollups[0].Flexion != 12.345 {
			t.Errorf("%d rollups, %v", len(rollups), err)
		}
		last := q
		last.From = benchStart.AddDate(0, 0, oldDays+3)
		last.To = last.From.Add(time.Hour)
		if episodes, err := s.Episodes(t.Context(), last); err != nil || len(episodes) != 1 {
			t.Errorf("episodes that last until then are %+v, %v, want one", episodes, err)
		}
		if findings, err := s.Findings(t.Context(), org, fmt.Sprintf("e%d-3", w)); err != nil || len(findings) != 1 {
			t.Errorf("findings are %+v, %v", findings, err)
		}
		if decisions, err := s.Decisions(t.Context(), q); err != nil || len(decisions) != oldDays {
			t.Errorf("decisions are %+v, %v", decisions, err)
		}
	}
	again := series.Batch{Stream: schemas.StreamReadings, Log: "the log", Seq: 78, Readings: []schemas.Batch{{
		Org: org, Wearer: schemas.MustID("w010"), Device: schemas.MustID("d010"), Boot: 1,
		Items: []schemas.Item{{Reading: schemas.Reading{Seq: 4, Time: benchStart.UnixMilli() + 16_000}}},
	}}}
	if done, err := s.Append(t.Context(), again); err != nil || done.Duplicates != 1 {
		t.Errorf("what is stored comes again: %+v, %v", done, err)
	}
	wantWhole(t, s)
}

func TestOldStoreOfManyDays(t *testing.T) {
	dir := t.TempDir()
	makeOld(t, dir)
	old := filesOf(t, dir)[OldFileName].Size()
	wantOld(t, closedTest(t, dir))
	info, err := os.Stat(filepath.Join(dir, OldFileName))
	if err != nil || info.Size() >= old {
		t.Errorf("the old file is still there: %v, %v", info, err)
	}
	if m, err := marksOf(t.Context(), filepath.Join(dir, OldFileName)); err != nil || m.version != schemaVersion || m.application != applicationID {
		t.Errorf("what stands in its place is %+v, %v: older builds would not refuse it", m, err)
	}
	if _, err := os.Stat(filepath.Join(dir, OldFileName+suffixWAL)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its log is still there: %v", err)
	}
}

// An old store that comes to lie beside one of this layout is none of it.
func TestTwoStores(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, OldFileName)); err != nil {
		t.Fatal(err)
	}
	makeOld(t, dir)
	before := mustRead(t, filepath.Join(dir, OldFileName))
	if _, err := Open(dir, discard()); !errors.Is(err, ErrTwo) {
		t.Errorf("error is %v, want %v", err, ErrTwo)
	}
	if !bytes.Equal(before, mustRead(t, filepath.Join(dir, OldFileName))) {
		t.Error("the old file was changed")
	}
}

// A process that is killed while it brings up an old store: the next one goes on.
func TestUpgradeIsKilled(t *testing.T) {
	if dir := os.Getenv(upgradeEnv); dir != "" { // the process that is killed
		if err := openTest(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	makeOld(t, dir)
	killed := 0
	for _, files := range []int{1, 5, 11, 20, 30, 3*oldDays - 1} {
		child := exec.CommandContext(t.Context(), self, "-test.run=^TestUpgradeIsKilled$")
		child.Env = append(os.Environ(), upgradeEnv+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		if killedAt(t, dir, files, child, ended) {
			killed++
		}
	}
	if killed < 3 {
		t.Errorf("only %d were killed before they had ended", killed)
	}
	s := closedTest(t, dir)
	wantOld(t, s)
}

// killedAt kills a child once there are so many files of days, and reports whether it was
// still at it.
func killedAt(t *testing.T, dir string, files int, child *exec.Cmd, ended <-chan error) bool {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the child ended by itself: %v", err)
			}
			return false
		case <-time.After(time.Millisecond):
		}
		n := 0
		for name := range filesOf(t, dir) {
			if strings.Contains(name, "/") && strings.HasSuffix(name, suffix) {
				n++
			}
		}
		if n >= files {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-ended
			return true
		}
	}
	t.Fatal("the child does not get on")
	return false
}
