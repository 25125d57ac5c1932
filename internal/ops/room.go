package ops

import (
	"fmt"
	"strconv"
)

// The room that should be free on a disk that sitwell writes to: as much as a log, a
// store and their indexes may write at once, and an eighth of a disk that is so small
// that this would be most of it: a disk is not short of room merely by its size.
const (
	wantedRoom  = 64 << 20
	wantedShare = 8
)

// WantedRoom is how many bytes should be free on a disk of some size. Readiness, the
// doctor and the broker, which starts a log anew that met a full disk, ask for the same.
func WantedRoom(total int64) int64 { return min(wantedRoom, total/wantedShare) }

// Room says that a disk is short of room, nil if it is not or nobody knows its size.
func Room(free, total int64) error {
	wanted := WantedRoom(total)
	if total <= 0 || free >= wanted {
		return nil
	}
	return fmt.Errorf("nearly full: %d MiB free, at least %d MiB wanted; below that a write may fail, and what fails is not acknowledged",
		free>>20, max(1, wanted>>20))
}

// Size is a number of bytes in the largest unit that it is whole in, such as 10GiB, as
// settings and log lines have it.
func Size(n int64) string {
	const step = 1024
	unit := "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n == 0 || n%step != 0 {
			break
		}
		n, unit = n/step, next
	}
	return strconv.FormatInt(n, 10) + unit
}
