package column

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"sitwell/schemas"
)

// turn packs runs and reads them again.
func turn(t testing.TB, runs []Run) (packed []byte, got []Run) {
	t.Helper()
	packed, err := NewPacker().Append(nil, runs)
	if err != nil {
		t.Fatal(err)
	}
	got, err = readAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	return packed, got
}

func readAll(packed []byte) (runs []Run, err error) {
	r := NewReader()
	if err := r.Reset(packed); err != nil {
		return nil, err
	}
	return rest(r)
}

func rest(r *Reader) (runs []Run, err error) {
	var run Run
	for {
		ok, err := r.Next(&run)
		if err != nil || !ok {
			return runs, err
		}
		runs = append(runs, Run{Number: run.Number, Items: slices.Clone(run.Items)})
	}
}

// same compares what went in, which Append has put in order, with what came out.
func same(t testing.TB, got, want []Run) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d runs came back, %d went in", len(got), len(want))
	}
	for i := range want {
		if got[i].Number != want[i].Number || len(got[i].Items) != len(want[i].Items) {
			t.Fatalf("run %d with %d items came back, %d with %d went in", got[i].Number, len(got[i].Items), want[i].Number, len(want[i].Items))
		}
		for j := range want[i].Items {
			if got, want := got[i].Items[j], want[i].Items[j]; got.Reading != want.Reading || !reflect.DeepEqual(got.Event, want.Event) {
				t.Fatalf("run %d, item %d:\ngot  %+v\nwant %+v", i, j, got, want)
			}
		}
	}
}

func reading(seq uint64, at int64, pitch int16) schemas.Item {
	return schemas.Item{Reading: schemas.Reading{
		Seq: seq, Time: at, TrunkPitch: pitch, TrunkRoll: -pitch, Motion: 11,
		Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
	}}
}

func event(seq uint64, at int64) schemas.Item {
	return schemas.Item{
		Reading: schemas.Reading{Seq: seq, Time: at},
		Event:   &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{-3, 998, 20}},
	}
}

// ends has every field at the ends of its type.
func ends() []schemas.Item {
	var items []schemas.Item
	for i := range uint64(300) {
		r := schemas.Reading{Seq: i, Time: int64(i), Fields: allFields}
		if i%3 == 0 {
			r.TrunkPitch, r.TrunkRoll, r.LumbarPitch, r.HeadPitch = math.MinInt16, math.MaxInt16, math.MinInt16, math.MaxInt16
			r.Acc = [3]int16{math.MinInt16, math.MaxInt16, -1}
			r.Motion, r.Steps, r.SittingS, r.Battery, r.Quality = math.MaxUint16, math.MaxUint16, math.MaxUint32, math.MaxUint8, math.MaxUint8
		}
		if i == 299 {
			r.Seq, r.Time = math.MaxUint64, math.MaxInt64
		}
		items = append(items, schemas.Item{Reading: r})
	}
	items[0].Time = math.MinInt64
	return items
}

func TestEverythingComesBack(t *testing.T) {
	var even, gaps, changing []schemas.Item
	for i := range uint64(2*groupSize + 1) {
		even = append(even, reading(i, int64(i)*500, int16(i)))
		gaps = append(gaps, reading(i*i*i, int64(i*i*17)%3_600_000, 7))
		r := reading(i, int64(i), 1)
		r.Fields = schemas.Fields(i*37) & allFields
		r.TrunkPitch, r.TrunkRoll, r.Motion = 0, 0, 0
		if r.Fields.Has(schemas.HasBattery) {
			r.Battery = uint8(i)
		}
		changing = append(changing, r)
	}
	for _, c := range []struct {
		name string
		runs []Run
	}{
		{"nothing", nil},
		{"a run of nothing", []Run{{Number: 1 << 60}}},
		{"one reading", []Run{{1, []schemas.Item{reading(7, 3_599_999, -1799)}}}},
		{"a group", []Run{{1, even[:groupSize]}}},
		{"a group and one", []Run{{1, even[:groupSize+1]}}},
		{"gaps, out of order", []Run{{2, gaps}}},
		{"flags that change", []Run{{3, changing}}},
		{"the ends of all types", []Run{{4, ends()}}},
		{"events alone", []Run{{5, []schemas.Item{event(1, 5), event(2, 5)}}}},
		{"events first, last and between", []Run{{6, []schemas.Item{event(0, 0), reading(1, 0, 3), event(2, 0), event(3, 400), reading(4, 500, 9), event(5, 501)}}}},
		{"several runs", []Run{{9, slices.Clone(even)}, {9, slices.Clone(gaps)}, {1, []schemas.Item{event(9, 9), reading(1, 8, 3)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := turn(t, c.runs)
			for _, run := range c.runs {
				if !slices.IsSortedFunc(run.Items, order) {
					t.Error("the items were not put in order")
				}
			}
			same(t, got, c.runs)
		})
	}
}

// noise is an hour that nothing is to be known of: each shape of it with other lengths of numbers.
func noise(seed uint64) []Run {
	r := rand.New(rand.NewPCG(seed, 7))
	runs := make([]Run, 1+r.IntN(3))
	for i := range runs {
		runs[i].Number = r.Uint64() >> r.IntN(64)
		seq, at := uint64(0), int64(0)
		sets := [3]schemas.Fields{schemas.Fields(r.Uint32()) & allFields, schemas.Fields(r.Uint32()) & allFields, schemas.Fields(r.Uint32()) & allFields}
		wide := r.IntN(30)
		for range r.IntN(700) {
			seq += 1 + r.Uint64()>>(34+r.IntN(30))
			at += int64(r.Uint64() >> (44 + r.IntN(20)))
			if r.IntN(100) == 0 {
				runs[i].Items = append(runs[i].Items, event(seq, at))
				continue
			}
			var values [32]byte
			for n := range values {
				values[n] = byte(r.Uint32() >> wide)
			}
			runs[i].Items = append(runs[i].Items, schemas.Item{Reading: filled(seq, at, sets[min(2, r.IntN(40))], values[:])})
		}
	}
	return runs
}

// filled is a reading with those values that have a flag.
func filled(seq uint64, at int64, f schemas.Fields, values []byte) schemas.Reading {
	r := schemas.Reading{Seq: seq, Time: at, Fields: f}
	for i, field := range fields() {
		if f&field.has != 0 {
			field.set(&r, uint64(binary.LittleEndian.Uint16(values[2*i:])))
		}
	}
	return r
}

func TestNoiseComesBack(t *testing.T) {
	for seed := range uint64(200) {
		runs := noise(seed)
		_, got := turn(t, runs)
		same(t, got, runs)
	}
}

func TestMemoryIsUsedAgain(t *testing.T) {
	p, r := NewPacker(), NewReader()
	for seed := range uint64(20) {
		runs := noise(seed)
		packed, err := p.Append([]byte("before"), runs)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(packed, []byte("before")) {
			t.Fatal("what stood before is gone")
		}
		if err := r.Reset(packed[len("before"):]); err != nil {
			t.Fatal(err)
		}
		got, err := rest(r)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, runs)
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	bad := reading(1, 1, 1)
	bad.Fields |= allFields + 1
	b, err := NewPacker().Append([]byte("kept"), []Run{{1, []schemas.Item{reading(0, 0, 0), bad}}})
	if err == nil || string(b) != "kept" {
		t.Fatalf("got %q and error %v, want what was there and an error", b, err)
	}
}

// TestDamageIsTold changes each bit, cuts everywhere and appends.
func TestDamageIsTold(t *testing.T) {
	packed, _ := turn(t, []Run{{1, []schemas.Item{reading(0, 0, 4), event(1, 1), reading(2, 500, 9)}}})
	for i := range len(packed) * 8 {
		b := bytes.Clone(packed)
		b[i/8] ^= 1 << (i % 8)
		if _, err := readAll(b); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("bit %d: error %v", i, err)
		}
	}
	for n := range packed {
		if _, err := readAll(packed[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: error %v", n, err)
		}
	}
	if _, err := readAll(append(packed, 0)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a byte more: error %v", err)
	}
	if _, err := readAll(append([]byte{version + 1}, packed[1:]...)); !errors.Is(err, ErrVersion) {
		t.Fatalf("a later layout: error %v", err)
	}
}

// FuzzRead reads bytes that nobody packed, with a checksum that is right: it may say that
// they are damaged, and what it can read comes back when it is packed.
func FuzzRead(f *testing.F) {
	for seed := range uint64(8) {
		packed, err := NewPacker().Append(nil, noise(seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed[header:min(len(packed), 600)])
	}
	packed, err := NewPacker().Append(nil, []Run{{1, ends()}, {2, []schemas.Item{event(1, 1)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed[header:])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append(binary.LittleEndian.AppendUint32([]byte{version}, checksum(body)), body...)
		runs, err := readAll(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		_, got := turn(t, runs)
		same(t, got, runs)
	})
}
