//go:build linux || darwin || freebsd

package broker

import (
	"fmt"
	"syscall"
)

// free is how many bytes are free on a folder's disk.
func free(dir string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("look at disk of %s: %w", dir, err)
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), nil //nolint:gosec // sizes are not negative
}
