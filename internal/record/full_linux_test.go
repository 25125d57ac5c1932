package record

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk is a file system of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("sitwell", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// The disk of the store is full for a while: whatever does not fit waits in the log, and
// is stored once there is room.
func TestDiskOfTheStoreIsFull(t *testing.T) {
	f := newFixture(t)
	disk := smallDisk(t, "48m")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	f.dir = disk
	f.openStore()
	t.Cleanup(func() { _ = f.store.Close() }) // before the disk goes
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 46<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := f.start(f.store)
	const messages = 200
	f.flood(0, messages)
	f.until("the store is said to fail", func() bool { return r.Err() != nil })
	t.Log(r.Err())
	f.flood(messages*bulk, 10)
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.Readings%bulk != 0 || stats.Readings >= messages*bulk {
		t.Errorf("stats are %+v, %v, want some whole messages", stats, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	f.settle(r)
	f.wantFlood((messages + 10) * bulk)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v after there is room again", err)
	}
}
