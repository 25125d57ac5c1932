package detect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"sitwell/schemas"
)

// busy is a wearer with something in every part of its state.
func busy(t testing.TB) *Wearer {
	t.Helper()
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	take(w, arrival{spare, 3, 9, -1}, out)
	list := items(500*time.Millisecond, slouched(1300), spell{secs: 40, pitch: 30, sd: 40}, spell{secs: 20, pitch: 25, sd: 50, seat: onFeet})
	up := leaned(5, 1)
	list[10] = calibrated(list[10].Seq, 5000, schemas.Seated, &up)
	list[len(list)-20] = calibrated(list[len(list)-20].Seq, 1350000, schemas.Standing, nil)
	list[len(list)-19] = acceleration(list[len(list)-19].Seq, 1350500, up, onFeet)
	event := calibrated(list[len(list)-2].Seq, 1359000, schemas.Seated, &up)
	list[len(list)-2] = event
	w.Take(batch(append(list[:len(list)-5:len(list)-5], list[len(list)-3:]...)), out)
	if len(w.waiting) != 3 || w.measuring == nil || len(w.past) != 1 || w.rules.Slouch.Level == 0 || w.rules.Bout.Away == 0 {
		t.Fatalf("not busy enough: %+v", w)
	}
	return w
}

func TestStateComesBack(t *testing.T) {
	for _, w := range []*Wearer{busy(t), NewWearer(org, person, Always(Defaults()))} {
		if got := resumed(t, w); !reflect.DeepEqual(got, w) {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
}

func TestStateAppends(t *testing.T) {
	b, err := busy(t).AppendState([]byte("before"))
	if err != nil || !bytes.HasPrefix(b, []byte("before\x02")) {
		t.Fatalf("got %q, %v", b, err)
	}
}

// Every damaged byte and every cut is seen.
func TestDamagedState(t *testing.T) {
	b, err := busy(t).AppendState(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x20
		for _, bad := range [][]byte{damaged, b[:i]} {
			if _, err := DecodeWearer(bad, Always(Defaults())); !errors.Is(err, ErrState) {
				t.Fatalf("byte %d: got %v", i, err)
			}
		}
	}
}

// States that judging could not go on from are refused, or do no harm.
func TestImpossibleStates(t *testing.T) {
	tests := map[string]struct {
		spoil   func(w *Wearer)
		refused bool
	}{
		"a run of no device":         {func(w *Wearer) { w.device = schemas.ID{} }, true},
		"a level of no side":         {func(w *Wearer) { w.rules.Lean.Level = 2 }, true},
		"an endless slouch":          {func(w *Wearer) { w.rules.Slouch.Bent = float32(math.Inf(1)) }, true},
		"a window too full":          {func(w *Wearer) { w.minute.Window.N = 21 }, true},
		"a full window":              {func(w *Wearer) { w.minute.Window.N, w.minute.Window.Slot = 20, 3 }, false},
		"a posture of no flexion":    {func(w *Wearer) { w.minute.Upright, w.minute.Hist = 500, [bins]uint16{} }, false},
		"waiting for nothing":        {func(w *Wearer) { w.waiting = []schemas.Item{{Reading: schemas.Reading{Seq: w.seq + 1}}} }, true},
		"a hole that ends too early": {func(w *Wearer) { w.holes = []hole{{9, 3}} }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, _ := judge(items(500*time.Millisecond, slouched(35)))
			tt.spoil(w)
			b, err := w.AppendState(nil)
			if err != nil {
				t.Fatal(err)
			}
			w, err = DecodeWearer(b, Always(Defaults()))
			if (err != nil) != tt.refused {
				t.Fatalf("decoded with %v", err)
			}
			if err == nil {
				w.Take(batch(items(500*time.Millisecond, slouched(400), walking(130))), &Output{})
				resumed(t, w)
			}
		})
	}
}

// FuzzDecodeWearer mends the checksum of what it is given, so that the checks
// behind it are reached; what is taken must judge without a panic and survive
// another checkpoint.
func FuzzDecodeWearer(f *testing.F) {
	b, err := busy(f).AppendState(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte{stateVersion, 0, 0, 0, 0, 0xa0})
	next := items(500*time.Millisecond, slouched(70), walking(130))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) >= stateHeader {
			binary.LittleEndian.PutUint32(b[1:], checksum(b[stateHeader:]))
		}
		w, err := DecodeWearer(b, Always(Defaults()))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatalf("the error is not ErrState: %v", err)
			}
			return
		}
		w.Take(batch(next), &Output{Trace: true})
		w.OpenMinute()
		resumed(t, w)
	})
}

// The goal of a small state: what is kept for judging, without what waits at a
// hole and the open minute.
func TestRulesAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(rules{}); size > 256 {
		t.Errorf("the rules keep %d bytes of a wearer, at most 256 are allowed", size)
	}
}

func TestReadingsAllocateNothing(t *testing.T) {
	for name, list := range map[string][]schemas.Item{"angles": benchItems(false), "acc": benchItems(true)} {
		w, out, b := NewWearer(org, person, Always(Defaults())), &Output{}, batch(list)
		w.Take(b, out)
		got := testing.AllocsPerRun(20, func() {
			forward(list)
			out.Reset()
			w.Take(b, out)
		})
		if out.Judged != len(list) || got != 0 {
			t.Errorf("%s: %g allocations for %d readings, judged %d", name, got, len(list), out.Judged)
		}
	}
}
