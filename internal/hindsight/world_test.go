package hindsight

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

var (
	acme   = schemas.MustID("acme")
	anna   = schemas.MustID("anna")
	belt   = schemas.MustID("belt-7")
	vienna = "Europe/Vienna"
	// monday is the midnight of Vienna at which the simulated days begin.
	monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.FixedZone("CET", 3600)).UTC()
)

// at is a time of day, on day n from monday on.
func at(n, hour, minute int) time.Time {
	return monday.AddDate(0, 0, n).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// dayOf is the civil date of day n.
func dayOf(n int) time.Time { return time.Date(2026, 11, 16+n, 0, 0, 0, 0, time.UTC) }

// world is a Hindsight over a real store and registry, and a live engine that
// fills the store.
type world struct {
	*Hindsight
	store    *sqlite.Store
	log      *bus.Bus
	timeline *detect.Timeline

	live     *detect.Wearer
	seq      uint64 // of the log
	findings []schemas.Finding
	postures []detect.Posture
	late     int
	settle   func() // called where hindsight waits for the log; nil is nothing
}

// Timeline is that of the world's wearer, for everybody.
func (w *world) Timeline(_, _, _ schemas.ID) *detect.Timeline { return w.timeline }

func newWorld(t testing.TB, now time.Time, timeline *detect.Timeline) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	_, log := brokertest.Start(t)
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.Open(t.Context(), kv, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	for _, err := range []error{
		reg.AddOrg(t.Context(), registry.Org{ID: acme, Name: "Acme", Zone: vienna}),
		reg.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: anna, Name: "Anna"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{store: store, log: log, timeline: timeline, live: detect.NewWearer(acme, anna, timeline)}
	if w.Hindsight, err = New(Options{Store: store, Registry: reg, Parameters: w, Settle: w.settled, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return now }
	return w
}

// settled is the log that hindsight waits for: all is stored as it is judged.
func (w *world) settled(ctx context.Context) error {
	if w.settle != nil {
		w.settle()
	}
	return ctx.Err()
}

// deliver lets the live engine judge what comes, in this order, and stores it.
func (w *world) deliver(t testing.TB, batches ...schemas.Batch) {
	t.Helper()
	for chunk := range slices.Chunk(batches, 500) {
		w.seq++
		stored := series.Batch{Stream: "all", Seq: w.seq}
		for _, b := range chunk {
			b.Org, b.Wearer = acme, anna
			out := detect.Output{Trace: true}
			w.live.Take(&b, &out)
			w.findings = append(w.findings, out.Findings...)
			w.postures = append(w.postures, out.Postures...)
			w.late += out.LateItems
			stored.Readings, stored.Late = append(stored.Readings, b), append(stored.Late, out.Late...)
			stored.Rollups, stored.Findings = append(stored.Rollups, out.Rollups...), append(stored.Findings, out.Findings...)
		}
		w.append(t, stored)
	}
}

// end stores the minute that is still open.
func (w *world) end(t testing.TB) {
	t.Helper()
	if r, ok := w.live.OpenMinute(); ok {
		w.seq++
		w.append(t, series.Batch{Stream: "all", Seq: w.seq, Rollups: []schemas.Rollup{r}})
	}
}

func (w *world) append(t testing.TB, b series.Batch) {
	t.Helper()
	if _, err := w.store.Append(context.WithoutCancel(t.Context()), b); err != nil {
		t.Fatal(err)
	}
}

// recompute rebuilds day n.
func (w *world) recompute(t testing.TB, n int) Report {
	t.Helper()
	r, err := w.Recompute(t.Context(), acme, anna, dayOf(n), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot is all that is stored of a range besides readings.
func (w *world) snapshot(t testing.TB, from, to time.Time) string {
	t.Helper()
	b, err := w.stored(t.Context(), series.Query{Org: acme, Wearer: anna, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v\n", b.rollups)
	for _, f := range b.all() {
		text += string(canonical(&f)) + "\n"
	}
	return text
}

// person plays a wearer: readings out of phases, at two a second.
type person struct {
	rng  *rand.Rand
	boot uint32
	seq  uint64
	acc  bool // the device gives acc_g, and needs calibrations
}

// days are some days of office work, each a run of the device; every other one by
// a device that gives acc_g.
func days(seed uint64, n int) (batches []schemas.Batch) {
	p := person{rng: seeded(seed)}
	for day := range n {
		p.boot, p.seq, p.acc = uint32(day+1), 0, day%2 == 1
		batches = append(batches, p.day(at(day, 8, 0), at(day, 11, 0))...)
		batches = append(batches, p.day(at(day, 11, 45), at(day, 13, 0))...)
	}
	return batches
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// accDay is a stretch of a day of a device that was calibrated before.
func (p *person) accDay(from, to time.Time) []schemas.Batch {
	p.acc = true
	batches := p.day(from, to)
	for i := range batches {
		batches[i].Items = slices.DeleteFunc(batches[i].Items, func(it schemas.Item) bool { return it.Event != nil })
	}
	return batches
}

// day is the readings of a stretch of a day, in messages of 20.
func (p *person) day(from, to time.Time) (batches []schemas.Batch) {
	var items []schemas.Item
	if p.acc {
		items = append(items,
			p.event(from, schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{0, 996, 87}}),
			p.event(from, schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Standing, Upright: &[3]int16{0, 1000, 0}}))
	}
	for t := from; t.Before(to); {
		ph := p.phase()
		for end := t.Add(ph.lasts); t.Before(end) && t.Before(to); t = t.Add(500 * time.Millisecond) {
			if !ph.silent {
				items = append(items, p.reading(t, ph))
			}
		}
	}
	for chunk := range slices.Chunk(items, 20) {
		batches = append(batches, schemas.Batch{Device: belt, Boot: p.boot, Received: chunk[len(chunk)-1].Time, Items: chunk})
	}
	return batches
}

type phase struct {
	flexion, roll float64
	sits, walks   bool
	silent        bool
	lasts         time.Duration
}

func (p *person) phase() phase {
	minutes := func(least, most float64) time.Duration {
		return time.Duration((least + (most-least)*p.rng.Float64()) * float64(time.Minute)).Truncate(500 * time.Millisecond)
	}
	switch p.rng.IntN(12) {
	case 0:
		return phase{flexion: 3, walks: true, lasts: minutes(1, 5)}
	case 1:
		return phase{silent: true, lasts: minutes(0.02, 12)}
	case 2, 3:
		return phase{flexion: 16 + 14*p.rng.Float64(), sits: true, lasts: minutes(0.3, 5)}
	case 4:
		return phase{flexion: 25, sits: true, lasts: minutes(6, 12)}
	case 5:
		return phase{flexion: 4, roll: 12 + 15*p.rng.Float64(), sits: true, lasts: minutes(1, 8)}
	case 6:
		return phase{flexion: 5, lasts: minutes(0.5, 4)}
	}
	return phase{flexion: 2 + 8*p.rng.Float64(), sits: true, lasts: minutes(2, 14)}
}

func (p *person) event(t time.Time, e schemas.Event) schemas.Item {
	p.seq++
	return schemas.Item{Reading: schemas.Reading{Seq: p.seq, Time: t.UnixMilli()}, Event: &e}
}

func (p *person) reading(t time.Time, ph phase) schemas.Item {
	p.seq++
	r := schemas.Reading{Seq: p.seq, Time: t.UnixMilli(), Fields: schemas.HasMotion | schemas.HasSitting | schemas.IsWorn, Motion: 12}
	if ph.sits {
		r.Fields |= schemas.IsSitting
	}
	if ph.walks {
		r.Motion = 180
	}
	flexion, roll := ph.flexion+p.rng.NormFloat64()/2, ph.roll+p.rng.NormFloat64()/2
	if !p.acc {
		r.Fields |= schemas.HasTrunk
		r.TrunkPitch, r.TrunkRoll = schemas.Tenths(flexion), schemas.Tenths(roll)
		return schemas.Item{Reading: r}
	}
	r.Fields |= schemas.HasAcc
	r.Acc = leaning(flexion, roll)
	return schemas.Item{Reading: r}
}
