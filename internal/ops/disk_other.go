//go:build !linux && !darwin && !freebsd

package ops

import "errors"

// Disk is not known here.
func Disk(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
