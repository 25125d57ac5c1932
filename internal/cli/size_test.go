package cli

import (
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"10GiB": 10 << 30, "500MiB": 500 << 20, "64KiB": 64 << 10, "2TiB": 2 << 40, "1000": 1000, "1000B": 1000, "1 GiB": 1 << 30,
	} {
		var n int64
		s := size{value: &n}
		if err := s.Set(text); err != nil || n != want {
			t.Errorf("%s is %d, %v", text, n, err)
		}
		again := size{value: new(int64)}
		if err := again.Set(s.String()); err != nil || *again.value != want {
			t.Errorf("%d is written as %s, which is %d, %v", want, s, *again.value, err)
		}
	}
	for _, bad := range []string{"", "0", "-1GiB", "GiB", "10 apples", "10GB", "9999999TiB", "1.5GiB", "1e3"} {
		n := int64(7)
		if err := (size{value: &n}).Set(bad); err == nil || n != 7 {
			t.Errorf("%q is %d, %v", bad, n, err)
		}
	}
	n := int64(7)
	if err := (size{&n, 64 << 20}).Set("63MiB"); err == nil || n != 7 || !strings.Contains(err.Error(), "less than 64MiB") {
		t.Errorf("below the least: %d, %v", n, err)
	}
	if err := (size{&n, 64 << 20}).Set("64MiB"); err != nil || n != 64<<20 {
		t.Errorf("the least: %d, %v", n, err)
	}
}
