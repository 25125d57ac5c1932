package cli

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"10GiB": 10 << 30, "500MiB": 500 << 20, "64KiB": 64 << 10, "2TiB": 2 << 40, "1000": 1000, "1000B": 1000, "1 GiB": 1 << 30,
	} {
		var n int64
		s := size{&n}
		if err := s.Set(text); err != nil || n != want {
			t.Errorf("%s is %d, %v", text, n, err)
		}
		again := size{new(int64)}
		if err := again.Set(s.String()); err != nil || *again.value != want {
			t.Errorf("%d is written as %s, which is %d, %v", want, s, *again.value, err)
		}
	}
	for _, bad := range []string{"", "0", "-1GiB", "GiB", "10 apples", "10GB", "9999999TiB", "1.5GiB", "1e3"} {
		n := int64(7)
		if err := (size{&n}).Set(bad); err == nil || n != 7 {
			t.Errorf("%q is %d, %v", bad, n, err)
		}
	}
}
