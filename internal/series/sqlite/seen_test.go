package sqlite

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSpansAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[uint16]bool{}
		var s spans
		numbers := rapid.OneOf(rapid.Uint16Range(0, 30), rapid.Uint16Range(65530, 65535), rapid.Uint16())
		for _, n := range rapid.SliceOf(numbers).Draw(t, "numbers") {
			if added := s.add(n); added == want[n] {
				t.Fatalf("adding %d to %v reports %v", n, s, added)
			}
			want[n] = true
		}
		var got []uint16
		for i, v := range s {
			if v.from > v.to || i > 0 && int(s[i-1].to)+1 >= int(v.from) {
				t.Fatalf("spans %v are not in order and apart", s)
			}
			for n := int(v.from); n <= int(v.to); n++ {
				got = append(got, uint16(n))
			}
		}
		if !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("set is %v, want %v", got, want)
		}
		back, err := decodeSpans(s.encode(nil))
		if err != nil || !slices.Equal(back, s) {
			t.Fatalf("%v comes back as %v, %v", s, back, err)
		}
	})
}

func FuzzDecodeSpans(f *testing.F) {
	f.Add(spans{{0, 3}, {9, 9}, {65535, 65535}}.encode(nil))
	f.Add([]byte{0x80})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSpans(b)
		if err != nil {
			return
		}
		back, err := decodeSpans(s.encode(nil))
		if err != nil || !slices.Equal(back, s) {
			t.Errorf("%v comes back as %v, %v", s, back, err)
		}
	})
}

func TestKnownIsBounded(t *testing.T) {
	k := newKnown()
	wide := make(spans, 1000)
	k.setBlock(blockKey{day: 1}, wide)
	sets := 3 * maxSeenMemory / (blockOverhead + 4000)
	for i := range sets {
		k.setBlock(blockKey{day: 2, block: uint64(i)}, wide)
	}
	if _, ok := k.block(blockKey{day: 1}); ok {
		t.Error("the oldest set is still there")
	}
	if _, ok := k.block(blockKey{day: 2, block: uint64(sets - 1)}); !ok {
		t.Error("the newest set is gone")
	}
	if n := len(k.young) + len(k.old); n > 2*(1+maxSeenMemory/(blockOverhead+4000)) {
		t.Errorf("%d sets are kept", n)
	}
	for range sets { // the same one again does not count again
		k.setBlock(blockKey{day: 3}, wide)
	}
	if n := len(k.young) + len(k.old); n < sets/3 {
		t.Errorf("only %d sets are kept", n)
	}
}
