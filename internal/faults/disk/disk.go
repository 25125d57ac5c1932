// Package disk gives tests disks that fail: one whose power can be cut, and one
// that is small enough to fill.
//
// Both are mounted, which needs root and a kernel that lets it. Where it is not
// allowed the test is skipped with a reason that has the word "mounting".
//
// A Powered disk is an ext4 file system in a file, on a loop device. Cut stops
// it at once: from then on the kernel writes nothing to it, neither data nor
// journal, so that whatever was in the page cache only is gone. Recover copies
// the file as it is, without unmounting first, and mounts the copy, which
// replays its journal as after a power cut.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Powered is a mounted disk whose power can be cut.
type Powered struct {
	Dir   string // where it is mounted
	image string
}

// New makes an ext4 file system of some bytes in a file and mounts it until the
// test ends.
func New(tb testing.TB, size int64) *Powered {
	tb.Helper()
	image := filepath.Join(tb.TempDir(), "image")
	if err := allocate(image, size); err != nil {
		tb.Fatal(err)
	}
	if err := command("mkfs.ext4", "-q", "-F", image); err != nil {
		skip(tb, err)
	}
	return open(tb, image)
}

func allocate(image string, size int64) error {
	f, err := os.OpenFile(image, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make disk image: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return fmt.Errorf("make disk image: %w", err)
	}
	return nil
}

func open(tb testing.TB, image string) *Powered {
	tb.Helper()
	dir := tb.TempDir()
	if err := command("mount", "-t", "ext4", "-o", "loop", image, dir); err != nil {
		skip(tb, err)
	}
	tb.Cleanup(func() { unmount(tb, dir) })
	return &Powered{Dir: dir, image: image}
}

// Sync brings everything on the disk to it.
func (p *Powered) Sync() error {
	f, err := os.Open(p.Dir)
	if err != nil {
		return fmt.Errorf("sync disk: %w", err)
	}
	if err := errors.Join(unix.Syncfs(int(f.Fd())), f.Close()); err != nil {
		return fmt.Errorf("sync disk: %w", err)
	}
	return nil
}

// Cut cuts the power. What still runs on the disk gets errors from then on; end
// it before Recover.
func (p *Powered) Cut() error {
	f, err := os.Open(p.Dir)
	if err != nil {
		return fmt.Errorf("cut power: %w", err)
	}
	defer func() { _ = f.Close() }()
	// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: the journal is not written out.
	const shutdown, noLogFlush = 0x8004587d, 2
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		return fmt.Errorf("cut power: %w", err)
	}
	return nil
}

// Recover is the disk as it comes back after Cut: a mounted copy of what had
// reached the image.
func (p *Powered) Recover(tb testing.TB) *Powered {
	tb.Helper()
	image := filepath.Join(tb.TempDir(), "image")
	if err := command("cp", "--sparse=always", p.image, image); err != nil {
		tb.Fatal(err)
	}
	return open(tb, image)
}

// Small mounts an empty disk of some bytes until the test ends.
func Small(tb testing.TB, size int64) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := command("mount", "-t", "tmpfs", "-o", "size="+strconv.FormatInt(size, 10), "tmpfs", dir); err != nil {
		skip(tb, err)
	}
	tb.Cleanup(func() { unmount(tb, dir) })
	return dir
}

// Fill takes all the room there is on the disk of a folder. Removing the file
// gives it back.
func Fill(tb testing.TB, dir string) (file string) {
	tb.Helper()
	file = filepath.Join(dir, "ballast")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		_, err := f.Write(block)
		switch {
		case errors.Is(err, unix.ENOSPC):
			block = block[:len(block)/2]
		case err != nil && !errors.Is(err, io.ErrShortWrite):
			tb.Fatal(err)
		}
	}
	return file
}

func skip(tb testing.TB, err error) {
	tb.Helper()
	tb.Skipf("mounting is not possible here: %v", err)
}

// unmount detaches where something still has files open there.
func unmount(tb testing.TB, dir string) {
	tb.Helper()
	if command("umount", dir) == nil {
		return
	}
	if err := command("umount", "-l", dir); err != nil {
		tb.Errorf("unmount: %v", err)
	}
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput() //nolint:noctx // fixed programs of the system, on folders of the test
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}
