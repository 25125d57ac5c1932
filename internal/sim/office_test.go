package sim_test

import (
	"errors"
	"hash/fnv"
	"testing"
	"time"

	"sitwell/internal/sim"
	"sitwell/schemas"
)

// A Friday, a Saturday, a Sunday, and the edges of the choice of a zone.
var starts = []time.Time{
	time.Date(2026, 11, 20, 8, 5, 0, 0, time.UTC),
	time.Date(2026, 11, 21, 0, 10, 0, 0, time.UTC),
	time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC),
	time.Date(2026, 11, 23, 13, 29, 59, 0, time.UTC),
}

func TestEqualSeedsGiveEqualOffices(t *testing.T) {
	sum := func(seed uint64) uint64 {
		h := fnv.New64a()
		o := sim.NewOffice(seed, starts[0])
		chunks := 0
		err := o.History(t.Context(), func(w *sim.Wearer, items []schemas.Item) error {
			_, _ = h.Write(schemas.AppendMessage(nil, schemas.KindReadings, w.Boot(), starts[0], items))
			if chunks++; chunks == 120 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		return h.Sum64()
	}
	first := sum(7)
	if again := sum(7); again != first {
		t.Error("the same seed gave two different histories")
	}
	if sum(8) == first {
		t.Error("two seeds gave the same history")
	}
}

var errEnough = errors.New("enough")

func TestOfficeHasTeamsHabitsAndNames(t *testing.T) {
	o := sim.NewOffice(1, starts[0])
	teams, devices, ids := map[schemas.ID]int{}, map[schemas.ID]bool{}, map[schemas.ID]bool{}
	for _, w := range o.Wearers {
		teams[w.Team]++
		devices[w.Device], ids[w.ID] = true, true
	}
	if len(devices) != 60 || len(ids) != 60 || len(o.Teams) != 4 || len(teams) != 4 {
		t.Errorf("%d devices, %d wearers, %d teams (%v); want 60, 60 and 4", len(devices), len(ids), len(o.Teams), teams)
	}
	s := o.Script()
	if s.Leaner.Habit != sim.Leaner || s.Sitter.Habit != sim.LongSitter || s.Riser.Habit != sim.Steady || s.Offliner.Habit != sim.Offline {
		t.Errorf("the script is played by %v", s)
	}
}

// sequence checks one wearer's readings as they are emitted.
type sequence struct {
	boot  uint32
	seq   uint64
	time  int64
	first int64
	worn  time.Duration
	days  map[int64]bool
	boots int
	n     int
	told  bool // the last item says that the device is not worn
}

func (s *sequence) take(t *testing.T, w *sim.Wearer, items []schemas.Item, offset int64) {
	t.Helper()
	for i := range items {
		r := &items[i].Reading
		fresh := s.n == 0 || w.Boot() != s.boot
		switch {
		case fresh && r.Seq != 0:
			t.Fatalf("%s: boot %d begins with seq %d", w.ID, w.Boot(), r.Seq)
		case !fresh && r.Seq != s.seq+1:
			t.Fatalf("%s: seq %d follows %d", w.ID, r.Seq, s.seq)
		case s.n > 0 && r.Time <= s.time:
			t.Fatalf("%s: seq %d at %v does not come after the one before", w.ID, r.Seq, r.At())
		}
		if gap := time.Duration(r.Time-s.time) * time.Millisecond; fresh {
			s.boots++
		} else if gap > 4*time.Second && (!s.told || gap > 41*time.Minute) {
			t.Fatalf("%s: a gap of %v before seq %d at %v: neither worn nor told", w.ID, gap, r.Seq, r.At())
		} else if gap <= 4*time.Second {
			s.worn += gap
		}
		s.told = items[i].Event == nil && !r.Fields.Has(schemas.IsWorn)
		if s.n == 0 {
			s.first = r.Time
		}
		s.boot, s.seq, s.time = w.Boot(), r.Seq, r.Time
		s.n++
		s.days[(r.Time+offset)/(24*3600*1000)] = true
	}
}

func TestHistoryRunsIntoThePresentWithoutASeam(t *testing.T) {
	for _, now := range starts {
		t.Run(now.Format(time.RFC3339), func(t *testing.T) { oneOffice(t, now) })
	}
}

func oneOffice(t *testing.T, now time.Time) {
	t.Helper()
	o := sim.NewOffice(3, now)
	zone, err := time.LoadLocation(o.Zone)
	if err != nil {
		t.Fatal(err)
	}
	if at := now.In(zone).Format("15:04"); at < "13:30" || at > "14:30" {
		t.Errorf("it is %s in %s", at, o.Zone)
	}
	_, east := now.In(zone).Zone()
	offset := int64(east) * 1000
	seen := map[*sim.Wearer]*sequence{}
	total := 0
	emit := func(w *sim.Wearer, items []schemas.Item) error {
		if len(items) > sim.MaxChunk {
			t.Errorf("%d readings in a message", len(items))
		}
		if seen[w] == nil {
			seen[w] = &sequence{days: map[int64]bool{}}
		}
		seen[w].take(t, w, items, offset)
		total += len(items)
		return nil
	}
	if err := o.History(t.Context(), emit); err != nil {
		t.Fatal(err)
	}
	history := total
	live := now.Add(70 * time.Second)
	if err := o.Tail(t.Context(), live, emit); err != nil {
		t.Fatal(err)
	}
	end := live.Add(90 * time.Second)
	var items []schemas.Item
	for _, w := range o.Wearers {
		if items = w.Fill(items[:0], end, sim.LiveSpacing, 10_000); len(items) > 0 {
			seen[w].take(t, w, items, offset)
		}
	}
	flat := 0 // batteries that ran down
	for w, s := range seen {
		if len(s.days) != 10 || s.boots < 10 || s.boots > 20 {
			t.Errorf("%s worked on %d days in %d boots, not 10: %v", w.ID, len(s.days), s.boots, s.days)
		}
		if s.boots > 10 {
			flat++
		}
		if s.time < end.Add(-time.Second).UnixMilli() {
			t.Errorf("%s stops at %v, live ends at %v", w.ID, time.UnixMilli(s.time), end)
		}
		if time.UnixMilli(s.first).Before(o.Start) {
			t.Errorf("%s begins before the history", w.ID)
		}
		if day := s.worn / 10; day < 7*time.Hour || day > 8*time.Hour+30*time.Minute {
			t.Errorf("%s wears the device %v a day", w.ID, day)
		}
	}
	if flat != 1 {
		t.Errorf("the batteries of %d wearers ran down, one was meant to", flat)
	}
	if history < 3_800_000 || history > 4_400_000 {
		t.Errorf("%d readings of history, about 4 million are meant", history)
	}
	t.Logf("%d readings of history in %s, %d in the tail", history, o.Zone, total-history)
}

func TestAFullMessageFits(t *testing.T) {
	o := sim.NewOffice(1, starts[0])
	largest, chunks := 0, 0
	err := o.History(t.Context(), func(w *sim.Wearer, items []schemas.Item) error {
		if chunks++; chunks%50 != 0 {
			return nil // they are all alike
		}
		b := schemas.AppendMessage(nil, schemas.KindReadings, w.Boot(), starts[0], items)
		if largest = max(largest, len(b)); largest > 60_000 {
			return errEnough
		}
		return nil
	})
	if err != nil || largest > 60_000 {
		t.Errorf("a message has %d bytes (%v)", largest, err)
	}
}

func BenchmarkHistory(b *testing.B) {
	n := 0
	for b.Loop() {
		_ = sim.NewOffice(1, starts[0]).History(b.Context(), func(_ *sim.Wearer, items []schemas.Item) error {
			n += len(items)
			return nil
		})
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "readings/s")
}

func BenchmarkEncode(b *testing.B) {
	w := sim.NewOffice(1, starts[0]).Wearers[0]
	items := w.Fill(nil, starts[0], sim.HistorySpacing, sim.MaxChunk)
	buffer := make([]byte, 0, 1<<16)
	for b.Loop() {
		buffer = schemas.AppendMessage(buffer[:0], schemas.KindReadings, 1, starts[0], items)
	}
	b.ReportMetric(float64(b.N*len(items))/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(len(buffer))/float64(len(items)), "B/reading")
}
