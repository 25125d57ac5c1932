package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sitwell/internal/ops"
)

// size is a flag for a number of bytes, such as 10GiB, of which least is the fewest.
type size struct {
	value *int64
	least int64
}

func (s size) Type() string { return "string" }

func (s size) String() string {
	if s.value == nil {
		return ""
	}
	return ops.Size(*s.value)
}

func (s size) Set(text string) error {
	factor, number := int64(1), strings.TrimSuffix(text, "B")
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			factor, number = 1<<(10*(i+1)), n
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/factor {
		return errors.New("not a size such as 500MiB or 10GiB")
	}
	if n *= factor; n < s.least {
		return fmt.Errorf("less than %s: sitwell's own sessions and packs of readings need room", ops.Size(s.least))
	}
	*s.value = n
	return nil
}
