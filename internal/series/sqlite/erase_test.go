package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// crowd fills a store with wearers whose rows lie among one another, as they come: minutes
// grow by appends, so that pages are split and made anew again and again.
type crowd struct {
	t         testing.TB
	s         *Store
	wearables []*wearable
	seq       uint64
	traces    map[string][]string // by wearer, what of it must not be found any more
}

func newCrowd(t testing.TB, s *Store, n int) *crowd {
	t.Helper()
	c := &crowd{t: t, s: s, traces: map[string][]string{}}
	for i := range n {
		w := newWearable(i, benchStart.Add(12*time.Hour)) // midnight is near
		w.batch.Wearer, w.batch.Device = schemas.MustID(fmt.Sprintf("wearer-%03d", i)), schemas.MustID(fmt.Sprintf("device-%03d", i))
		c.wearables = append(c.wearables, w)
		c.trace(w, w.batch.Wearer.String())
		c.trace(w, w.batch.Device.String())
	}
	return c
}

func (c *crowd) trace(w *wearable, text string) {
	name := w.batch.Wearer.String()
	c.traces[name] = append(c.traces[name], text)
}

// round appends some readings of each in any order, and a minute, a mark, an episode and a
// decision of each.
func (c *crowd) round(rnd *rand.Rand, readings int) {
	c.t.Helper()
	raw := series.Batch{Stream: schemas.StreamReadings}
	judged := series.Batch{Stream: schemas.StreamRollups}
	found := series.Batch{Stream: schemas.StreamFindings}
	nudges := series.Batch{Stream: schemas.StreamNudges}
	for _, i := range rnd.Perm(len(c.wearables)) {
		w := c.wearables[i]
		at := time.UnixMilli(w.at).UTC()
		b := w.next(readings, 900*time.Millisecond)
		b.Items[0].Event = &schemas.Event{Type: schemas.EventWorn, Worn: true}
		if c.seq%12 == 0 { // one round in three is searched for
			c.traceItems(w, b.Items)
			c.trace(w, schemas.EpisodeID(org, w.batch.Wearer, schemas.RuleSlouch, at))
		}
		raw.Readings = append(raw.Readings, b)
		m := busyMinute(w.batch.Wearer, at.Unix()/60)
		judged.Rollups = append(judged.Rollups, m)
		judged.Late = append(judged.Late, schemas.Late{
			Org: org, Wearer: w.batch.Wearer, Device: w.batch.Device, Boot: w.batch.Boot, First: w.seq - 2, Last: w.seq - 1, From: w.at, To: w.at,
		})
		episode := schemas.EpisodeID(org, w.batch.Wearer, schemas.RuleSlouch, at)
		for _, step := range []schemas.Step{schemas.Opened, schemas.Closed} {
			f := testFinding(episode, step, noise(rnd.Uint64()))
			f.Wearer, f.Device, f.Start, f.Time = w.batch.Wearer, w.batch.Device, at, at.Add(time.Minute)
			found.Findings = append(found.Findings, f)
		}
		nudges.Decisions = append(nudges.Decisions, schemas.Decision{
			Schema: schemas.SchemaDecision, ID: "decision-" + episode, Episode: episode, Org: org, Wearer: w.batch.Wearer, Device: w.batch.Device, Time: at,
		})
	}
	for _, b := range []series.Batch{raw, judged, found, nudges} {
		c.seq++
		b.Seq = c.seq
		if _, err := c.s.Append(context.Background(), b); err != nil {
			c.t.Fatal(err)
		}
	}
}

// traceItems takes a stretch of the packed readings that is long enough to be theirs alone.
func (c *crowd) traceItems(w *wearable, items []schemas.Item) {
	c.t.Helper()
	within := make([]schemas.Item, 0, len(items))
	for _, item := range items[1:] { // of the first minute, without the event
		if item.Time/minute == items[1].Time/minute {
			item.Time %= minute
			within = append(within, item)
		}
	}
	packed, err := schemas.AppendItems(nil, within)
	if err != nil {
		c.t.Fatal(err)
	}
	if len(packed) > 60 {
		c.trace(w, string(packed[20:52]))
	}
}

// traceSealed takes a stretch of each hour that is sealed.
func (c *crowd) traceSealed() {
	c.t.Helper()
	type row struct {
		wearer string
		data   []byte
	}
	var rows []row
	day := fileKey{series.Raw, dayOf(benchStart.UnixMilli())}
	if err := c.s.with(context.Background(), day, func(f *file) (err error) {
		rows, err = query(context.Background(), c.s, f, func(r *row) []any { return []any{&r.wearer, &r.data} },
			`SELECT wearer, data FROM hours h JOIN wearers w ON w.id = h.id >> 28`)
		return err
	}); err != nil || len(rows) < len(c.wearables) {
		c.t.Fatalf("%d hours are sealed, %v", len(rows), err)
	}
	for _, r := range rows {
		c.traces[r.wearer] = append(c.traces[r.wearer], string(r.data[40:72]))
	}
}

// rebuild replaces what is stored of each wearer's day by something else, so that the journal has
// had something of everybody.
func (c *crowd) rebuild() {
	c.t.Helper()
	for _, w := range c.wearables {
		q := series.Query{Org: org, Wearer: w.batch.Wearer, From: benchStart, To: benchStart.AddDate(0, 0, 1)}
		f := testFinding("rebuilt-"+w.batch.Wearer.String(), schemas.Opened, noise(7))
		f.Wearer, f.Device = w.batch.Wearer, w.batch.Device
		with := series.Rebuilt{Rollups: []schemas.Rollup{busyMinute(w.batch.Wearer, benchStart.Unix()/60)}, Findings: []schemas.Finding{f}}
		if err := c.s.Replace(context.Background(), q, with); err != nil {
			c.t.Fatal(err)
		}
	}
}

// found counts the traces of a wearer in all files of a store.
func (c *crowd) found(wearer string) (n int, where []string) {
	c.t.Helper()
	for name := range filesOf(c.t, c.s.dir) {
		b := mustRead(c.t, filepath.Join(c.s.dir, name))
		for _, trace := range c.traces[wearer] {
			if i := bytes.Index(b, []byte(trace)); i >= 0 {
				n++
				where = append(where, fmt.Sprintf("%q in %s at %d", trace, name, i))
			}
		}
	}
	return n, where
}

// No byte of a wearer is in any file afterwards, whatever pages its rows have been on.
func TestNoByteIsLeft(t *testing.T) {
	dir := t.TempDir()
	s := byHand(t, dir)
	rnd := rand.New(rand.NewPCG(5, 6))
	c := newCrowd(t, s, 24)
	victims := []string{"wearer-000", "wearer-008", "wearer-023"}
	for i := range 30 {
		c.round(rnd, 60+rnd.IntN(60))
		if i == 15 {
			c.rebuild()
			settleFiles(t, s)
			sealUntil(t, s, benchStart.AddDate(0, 0, 1))
		}
	}
	c.traceSealed()
	q := series.Query{Org: org, From: benchStart.AddDate(0, 0, -1), To: benchStart.AddDate(0, 0, 3)}
	states := func() map[string]series.State {
		all := map[string]series.State{}
		for _, w := range c.wearables {
			if name := w.batch.Wearer.String(); !slices.Contains(victims, name) {
				all[name] = stateOf(t, s, q, w.batch.Wearer)
			}
		}
		return all
	}
	before := states()
	for i, victim := range victims {
		if n, _ := c.found(victim); n < 15 {
			t.Fatalf("only %d traces of %s can be found before", n, victim)
		}
		done, err := s.Erase(t.Context(), org, schemas.MustID(victim), time.Now())
		if err != nil || done.Readings == 0 || done.Rollups == 0 || done.Findings == 0 || done.Episodes == 0 || done.Decisions == 0 {
			t.Fatalf("erased %+v, %v", done, err)
		}
		c.wantNothing(victim)
		if i == 1 { // the log goes on, with readings of before
			if !maps.Equal(before, states()) {
				t.Error("others have changed")
			}
			c.round(rnd, 50)
			before = states()
		}
	}
	for _, victim := range victims {
		c.wantNothing(victim)
	}
	if !maps.Equal(before, states()) {
		t.Error("others have changed")
	}
	wantWhole(t, s)
	settleFiles(t, s)
	wantWiped(t, s)
}

// wantWiped wants nothing but rows in the pages of all files.
func wantWiped(t testing.TB, s *Store) {
	t.Helper()
	for name := range filesOf(t, s.dir) {
		if filepath.Ext(name) != suffix {
			continue
		}
		b := mustRead(t, filepath.Join(s.dir, name))
		for n := range len(b) / pageSize {
			if changed, err := wipePage(b[n*pageSize:(n+1)*pageSize], uint32(n+1)); err != nil || changed {
				t.Errorf("page %d of %s had more than its rows, %v", n+1, name, err)
			}
		}
	}
}

func (c *crowd) wantNothing(wearer string) {
	c.t.Helper()
	if n, where := c.found(wearer); n > 0 {
		c.t.Errorf("%d traces of %s are left: %s", n, wearer, strings.Join(where[:min(n, 5)], "; "))
	}
}

func stateOf(t testing.TB, s *Store, q series.Query, wearer schemas.ID) series.State {
	t.Helper()
	q.Wearer = wearer
	state, err := series.StateOf(context.Background(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// wantWhole asks SQLite to check all files.
func wantWhole(t testing.TB, s *Store) {
	t.Helper()
	check := func(f *file) error {
		all, err := query(context.Background(), s, f, func(text *string) []any { return []any{text} }, "PRAGMA integrity_check")
		if err == nil && (len(all) != 1 || all[0] != "ok") {
			err = fmt.Errorf("integrity: %v", all)
		}
		return err
	}
	if err := s.eachFile(func(key fileKey) error { return s.with(context.Background(), key, check) }); err != nil {
		t.Error(err)
	}
	if err := check(s.index); err != nil {
		t.Error(err)
	}
}
