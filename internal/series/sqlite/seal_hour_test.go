package sqlite

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"sitwell/internal/series/column"
	"sitwell/schemas"
)

// segment is what one append brings of a run in a minute.
func segment(t testing.TB, b []byte, run uint64, items ...schemas.Item) []byte {
	t.Helper()
	b, err := schemas.AppendItems(binary.AppendUvarint(b, run), items)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealItem(seq uint64, at int64) schemas.Item {
	return schemas.Item{Reading: schemas.Reading{Seq: seq, Time: at, TrunkPitch: int16(seq), Fields: schemas.HasTrunk | schemas.IsWorn}}
}

// runsOfHour are a sealed hour's runs, items cloned.
func runsOfHour(t testing.TB, data []byte) []column.Run {
	t.Helper()
	var runs []column.Run
	err := newHourReader().hour(data, func(run uint64, items []schemas.Item) error {
		runs = append(runs, column.Run{Number: run, Items: slices.Clone(items)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// TestHourOfRows seals minutes of three runs in two steps, out of order, with one packer.
func TestHourOfRows(t *testing.T) {
	const hour = int64(7)<<minuteBits | 29_000_040 // a minute that 60 divides
	worn := schemas.Item{Reading: schemas.Reading{Seq: 12, Time: 30_000}, Event: &schemas.Event{Type: schemas.EventWorn, Worn: true}}
	p := newHourPacker()
	var sealed []byte
	for range 2 { // the second time in memory that was used before
		p.reset()
		add := func(key int64, data []byte) {
			if err := p.addMinute(key, data); err != nil {
				t.Fatal(err)
			}
		}
		add(hour+59, segment(t, segment(t, nil, 9, sealItem(4, 59_999)), 2, sealItem(7, 0), sealItem(6, 1)))
		add(hour, segment(t, nil, 5, sealItem(1, 0)))
		b, n, err := p.packed()
		if err != nil || n != 4 {
			t.Fatal(n, err)
		}
		sealed = slices.Clone(b)
		p.reset()
		if err := p.addHour(sealed); err != nil {
			t.Fatal(err)
		}
		add(hour+1, segment(t, nil, 2, worn, sealItem(11, 0)))
		if b, n, err = p.packed(); err != nil || n != 6 {
			t.Fatal(n, err)
		}
		sealed = slices.Clone(b)
	}
	worn.Time += minute
	want := []column.Run{
		{Number: 2, Items: []schemas.Item{sealItem(11, minute), worn, sealItem(7, 59*minute), sealItem(6, 59*minute+1)}},
		{Number: 5, Items: []schemas.Item{sealItem(1, 0)}},
		{Number: 9, Items: []schemas.Item{sealItem(4, 59*minute+59_999)}},
	}
	if got := runsOfHour(t, sealed); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestHourOf(t *testing.T) {
	for minuteNumber, want := range map[int64]int64{0: 0, 59: 0, 60: 60, 29_000_099: 29_000_040, maxMinute: maxMinute - maxMinute%60} {
		if got := hourOf(rowKey(3, minuteNumber)); got != rowKey(3, want) {
			t.Errorf("minute %d is of the hour at %d, want %d", minuteNumber, got&maxMinute, want)
		}
	}
}

func TestDamagedRowsAreTold(t *testing.T) {
	p := newHourPacker()
	if err := p.addMinute(0, segment(t, nil, 9, sealItem(4, 1))[:4]); err == nil {
		t.Error("half a segment was taken")
	}
	if err := p.addMinute(0, []byte{0xff}); err == nil {
		t.Error("a segment without a run was taken")
	}
	if err := p.addHour([]byte{1, 0, 0, 0, 0, 1}); err == nil {
		t.Error("an hour with the wrong checksum was taken")
	}
}
