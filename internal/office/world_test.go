package office

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/auth"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

var acme = schemas.MustID("acme")

// staff is who there is: so many wearers in each of some teams.
type staff struct {
	sizes []int
	zone  string
}

func (s *staff) Orgs() []registry.Org {
	return []registry.Org{{ID: acme, Name: "Acme", Zone: s.zone}}
}

func (s *staff) Teams(org schemas.ID) []registry.Team {
	var list []registry.Team
	for i := range s.sizes {
		list = append(list, registry.Team{Org: org, ID: schemas.MustID(fmt.Sprintf("team-%d", i)), Name: fmt.Sprintf("Team %d", i)})
	}
	return list
}

func (s *staff) Wearers(org schemas.ID) []registry.Wearer {
	var list []registry.Wearer
	for i, n := range s.sizes {
		for range n {
			list = append(list, registry.Wearer{Org: org, Team: schemas.MustID(fmt.Sprintf("team-%d", i)), ID: wearer(len(list))})
		}
	}
	return list
}

// world is a maker and an office over a real store, whose clock a test sets.
type world struct {
	*Maker
	t     testing.TB
	staff *staff
	store *spy
	seq   uint64
	time  time.Time
	last  time.Time // visit
}

// spy is a store that notes what sums it was asked for, and fails while it is told to.
type spy struct {
	series.Store

	mu    sync.Mutex // guards what follows
	asked []series.Query
	fails error
}

// fail makes the store fail with an error, or work again.
func (s *spy) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

// since gives what was asked for since it was called last.
func (s *spy) since() []series.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *spy) Totals(ctx context.Context, q series.Query) ([]series.Totals, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	err := s.fails
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.Totals(ctx, q)
}

func newWorld(t testing.TB, s *staff, now time.Time) *world {
	t.Helper()
	store, err := sqlite.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{t: t, staff: s, store: &spy{Store: store}, time: now}
	w.restart()
	return w
}

// restart puts a new maker in place of the old one.
func (w *world) restart() {
	w.t.Helper()
	m, err := NewMaker(MakerOptions{Store: w.store, Registry: w.staff, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.time }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Maker, w.last = m, time.Time{}
}

// wear stores that the first so many wearers wore the device for so many minutes from a
// time on, sitting, a third of the minutes slouched, with a break each half hour.
func (w *world) wear(people int, from time.Time, minutes int) {
	w.t.Helper()
	b := series.Batch{Stream: schemas.StreamRollups}
	for i := range people {
		for m := range minutes {
			r := schemas.Rollup{Org: acme, Wearer: wearer(i), Minute: from.Unix()/60 + int64(m), Sitting: 60, Upright: 40, Slouched: 20, Flexion: 12}
			if m%30 == 0 {
				r.Breaks = 1
			}
			b.Rollups = append(b.Rollups, r)
		}
	}
	w.seq++
	b.Seq = w.seq
	if _, err := w.store.Append(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
	w.Saw(b.Rollups)
}

// wait lets time pass.
func (w *world) wait(d time.Duration) { w.time = w.time.Add(d) }

// makes visits the organisation and gives what sums were asked for.
func (w *world) makes() []series.Query {
	w.t.Helper()
	w.store.since()
	now := w.time
	if _, err := w.visit(w.t.Context(), w.staff.Orgs()[0], w.last, true); err != nil {
		w.t.Fatal(err)
	}
	w.last = now
	return w.store.since()
}

func (w *world) scope() auth.Scope {
	w.t.Helper()
	asker, _ := auth.Local{}.Ask(nil)
	scope, err := asker.Org(acme)
	if err != nil {
		w.t.Fatal(err)
	}
	return scope
}

func (w *world) zone() *time.Location { return w.staff.Orgs()[0].Location() }

func (w *world) summary() Summary {
	w.t.Helper()
	s, err := New(w.store, w.staff).Summary(w.t.Context(), w.scope(), w.zone(), w.time)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// friday is the present in these tests: 2026-11-20, 15:00 UTC.
var friday = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
