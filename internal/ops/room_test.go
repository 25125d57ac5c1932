package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"sitwell/internal/ops"
)

func TestRoom(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		free, total int64
		words       string // "" for enough
	}{
		{11 * mib, 100 << 30, "nearly full: 11 MiB free, at least 64 MiB wanted"},
		{64*mib - 1, 512 * mib, "63 MiB free, at least 64 MiB wanted"},
		{64 * mib, 100 << 30, ""},
		{60 * mib, 120 * mib, ""}, // small, and not short of room
		{14 * mib, 120 * mib, "14 MiB free, at least 15 MiB wanted"},
		{0, 4 * mib, "at least 1 MiB wanted"},
		{0, 0, ""}, // nobody knows
	} {
		t.Run(fmt.Sprintf("%d of %d", c.free, c.total), func(t *testing.T) {
			err := ops.Room(c.free, c.total)
			if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1000: "1000B", 1 << 10: "1KiB", 1536 << 20: "1536MiB", 10 << 30: "10GiB", 1 << 60: "1048576TiB"} {
		if got := ops.Size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
