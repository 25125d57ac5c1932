package record

import (
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// sent counts what a device sent: all of it, and what is one of its kind.
type sent struct {
	f   *fixture
	all int64
	one map[[2]uint64]bool // boot and sequence
}

// buffer sends readings of a boot from seq up to to, two seconds apart, in messages of
// size: what a device has kept in its buffer.
func (s *sent) buffer(boot uint32, seq, to uint64, size int) {
	s.f.t.Helper()
	for seq < to {
		b := schemas.Batch{Org: org, Wearer: ann, Device: chest, Boot: boot}
		for ; seq < to && len(b.Items) < size; seq++ {
			b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
				Seq: seq, Time: monday.UnixMilli() + int64(seq)*2000, TrunkPitch: int16(boot), Fields: schemas.HasTrunk | schemas.IsWorn,
			}})
			s.all++
			s.one[[2]uint64{uint64(boot), seq}] = true
		}
		record, err := schemas.AppendBatch(schemas.NewRecord(nil), &b)
		if err != nil {
			s.f.t.Fatal(err)
		}
		s.f.publish(schemas.ReadingsSubject(int(boot)%4), record)
	}
}

// want wants exactly what was sent: each reading once, all others counted as duplicates.
func (s *sent) want() {
	s.f.t.Helper()
	stats, err := s.f.store.Stats(s.f.t.Context())
	one := int64(len(s.one))
	if err != nil || stats.Readings != one || stats.Duplicates != s.all-one {
		s.f.t.Errorf("stats are %+v, %v, want %d readings and %d duplicates", stats, err, one, s.all-one)
	}
	got := map[[2]uint64]bool{}
	q := series.Query{Org: org, Wearer: ann, From: monday, To: monday.AddDate(0, 0, 2)}
	if err := s.f.store.Readings(s.f.t.Context(), q, func(r series.Reading) error {
		name := [2]uint64{uint64(r.Boot), r.Seq}
		if got[name] || !s.one[name] {
			s.f.t.Errorf("reading %d of boot %d comes twice, or was never sent", r.Seq, r.Boot)
		}
		got[name] = true
		return nil
	}); err != nil || len(got) != len(s.one) {
		s.f.t.Errorf("%d readings are stored, %v, want %d", len(got), err, len(s.one))
	}
}

// A buffer of seven hours comes again and again, hours later, otherwise packed, over
// restarts of recorder and store: each (device, boot, seq) counts once.
func TestHoursOldDuplicatesCountOnce(t *testing.T) {
	const buffer, half = 12_600, 6_300 // seven hours
	f := newFixture(t)
	s := &sent{f: f, one: map[[2]uint64]bool{}}
	again := func() {
		t.Helper()
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		f.openStore()
	}
	r, stop := f.start(f.store)
	s.buffer(1, 0, half, 20) // live
	s.buffer(2, 0, 100, 20)  // another boot counts from zero, too
	f.settle(r)
	s.want()
	s.buffer(1, half-50, buffer, 256) // the rest at once, from before what was confirmed on
	if err := stop(); err != nil {    // somewhere on the way
		t.Fatal(err)
	}
	again()
	s.buffer(1, 0, buffer, 1000) // all of it again while nobody stores
	r, stop = f.start(f.store)
	f.settle(r)
	s.want()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again()
	before := s.all
	r, _ = f.start(f.store)
	for range 2 {
		s.buffer(1, 0, buffer, 77)
		s.buffer(2, 40, 160, 9)
	}
	f.settle(r)
	s.want()
	const fresh = 60 // of boot 2
	if n, d := count(t, r.metrics.readings), count(t, r.metrics.duplicates); n != fresh || d != float64(s.all-before-fresh) {
		t.Errorf("metrics say %v readings and %v duplicates, want %d and %d", n, d, fresh, s.all-before-fresh)
	}
}
