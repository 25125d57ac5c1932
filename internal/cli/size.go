package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// size is a flag for a number of bytes, such as 10GiB.
type size struct{ value *int64 }

// units are the words of a size, each 1,024 times the one before.
func units() []string { return []string{"KiB", "MiB", "GiB", "TiB"} }

func (s size) Type() string { return "string" }

func (s size) String() string {
	if s.value == nil {
		return ""
	}
	n, unit := *s.value, "B"
	for _, next := range units() {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, next
	}
	return strconv.FormatInt(n, 10) + unit
}

func (s size) Set(text string) error {
	factor, number := int64(1), strings.TrimSuffix(text, "B")
	for i, unit := range units() {
		if n, ok := strings.CutSuffix(text, unit); ok {
			factor, number = 1<<(10*(i+1)), n
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/factor {
		return errors.New("not a size such as 500MiB or 10GiB")
	}
	*s.value = n * factor
	return nil
}
