package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sitwell/internal/faults/disk"
)

func TestOnlyWhatWasSyncedSurvivesAPowerCut(t *testing.T) {
	p := disk.New(t, 64<<20)
	synced, cached := filepath.Join(p.Dir, "synced"), filepath.Join(p.Dir, "cached")
	write(t, synced, "on disk", true)
	write(t, cached, "in the page cache", false)
	must(t, p.Cut())
	if err := os.WriteFile(filepath.Join(p.Dir, "after"), nil, 0o600); err == nil {
		t.Error("a file was made after the power was cut")
	}
	r := p.Recover(t)
	b, err := os.ReadFile(filepath.Join(r.Dir, "synced"))
	if err != nil || string(b) != "on disk" {
		t.Errorf("the synced file holds %q: %v", b, err)
	}
	// A file without a sync may be there, without what it held.
	if b, err := os.ReadFile(filepath.Join(r.Dir, "cached")); err == nil && len(b) > 0 {
		t.Errorf("what was never synced survived: %q", b)
	}
	// What recovered is a disk like any other, whose power can be cut as well.
	write(t, filepath.Join(r.Dir, "more"), "more", true)
	must(t, r.Cut())
	if b, err := os.ReadFile(filepath.Join(r.Recover(t).Dir, "more")); err != nil || string(b) != "more" {
		t.Errorf("the second file holds %q: %v", b, err)
	}
}

// write writes a file; synced means the file and the folder that names it.
func write(t *testing.T, name, text string, synced bool) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	must(t, err)
	if !synced {
		return
	}
	must(t, f.Sync())
	dir, err := os.Open(filepath.Dir(name))
	must(t, err)
	defer dir.Close()
	must(t, dir.Sync())
}

func TestASmallDiskIsFullAndHasRoomAgain(t *testing.T) {
	dir := disk.Small(t, 1<<20)
	ballast := disk.Fill(t, dir)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing to a full disk: %v", err)
	}
	must(t, os.Remove(ballast))
	must(t, os.WriteFile(file, []byte("x"), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
