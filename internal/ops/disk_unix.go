//go:build linux || darwin || freebsd

package ops

import (
	"fmt"
	"syscall"
)

// Disk says how many bytes of a folder's disk are free for this user, and how many
// there are.
func Disk(dir string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, fmt.Errorf("look at disk of %s: %w", dir, err)
	}
	block := int64(fs.Bsize)                                       //nolint:unconvert // another type elsewhere
	return int64(fs.Bavail) * block, int64(fs.Blocks) * block, nil //nolint:gosec,unconvert // sizes fit
}
