package seriestest

import (
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// killed is the store that a child left.
type killed struct {
	store series.Store
	// acknowledged is the last sequence that the child said was stored, and erased the
	// last up to whose end an erasure of bob is over.
	acknowledged, erased uint64

	at, marked uint64 // the positions
	repaired   bool   // nothing is above them any more
}

// want looks at what the child left.
func (k *killed) want(t *testing.T) {
	t.Helper()
	k.at, k.marked = position(t, k.store, schemas.StreamReadings), position(t, k.store, schemas.StreamRollups)
	if k.at < k.marked || k.marked < k.acknowledged || k.at > k.acknowledged+1 {
		t.Errorf("positions are %d and %d, %d was acknowledged", k.at, k.marked, k.acknowledged)
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups} {
		if at := place(t, k.store, stream); at.Seq > 0 && at.Log != childLog {
			t.Errorf("position of %s is %+v, without its log", stream, at)
		}
	}
	k.wantAnn(t, 1, childItems, childReading)
	k.wantAnn(t, 2, childLate, childLateReading)
	k.wantBob(t)
	if n := k.minutes(t); n != k.marked && n != k.marked+1 {
		t.Errorf("%d minutes are stored at position %d", n, k.marked)
	}
	generation, err := generationOf(k.store)
	if g := uint64(generation); err != nil || g < k.marked || g > k.at { //nolint:gosec // a small number
		t.Errorf("generation %d is stored, %v, at positions %d and %d", g, err, k.at, k.marked)
	}
}

// whenever is about all that a child appends.
func whenever(q series.Query) series.Query {
	q.From, q.To = monday.AddDate(0, 0, -1), monday.AddDate(1, 0, 0)
	return q
}

// wantAnn wants of a run of ann's, which has per readings in a batch, each reading up to
// the position, and above it none but of the next batch. The first ten of each batch are late if it is marked.
func (k *killed) wantAnn(t *testing.T, boot uint32, per uint64, item func(uint64) schemas.Item) {
	t.Helper()
	have := map[uint64]bool{}
	for _, r := range stored(t, k.store, whenever(annOf)) {
		batch := r.Seq/per + 1 // the sequence of the batch that brought it
		switch {
		case r.Boot != boot:
			continue
		case have[r.Seq] || r.Item != item(r.Seq) || batch > k.at+1 || k.repaired && batch > k.at:
			t.Fatalf("at position %d there is boot %d, reading %+v, here before: %v; want %+v", k.at, boot, r, have[r.Seq], item(r.Seq))
		}
		have[r.Seq] = true
		first := r.Seq%per < childLate
		if want := first && batch <= k.marked; r.Late != want && (k.repaired || !first || batch != k.marked+1) {
			t.Errorf("boot %d reading %d is late: %v, with marks up to %d", boot, r.Seq, r.Late, k.marked)
		}
	}
	for n := range k.at * per {
		if !have[n] {
			t.Fatalf("boot %d reading %d is missing at position %d", boot, n, k.at)
		}
	}
}

// wantBob wants of bob what came after he was erased. An erasure that was begun may have
// removed a part.
func (k *killed) wantBob(t *testing.T) {
	t.Helper()
	have := map[uint64]bool{}
	for _, r := range stored(t, k.store, whenever(series.Query{Org: acme, Wearer: bob})) {
		if have[r.Seq] || r.Item != childBobsReading(r.Seq) || r.Seq < k.erased*childBobs || r.Seq >= (k.at+1)*childBobs {
			t.Errorf("at position %d, erased up to %d, there is of bob %+v, here before: %v", k.at, k.erased, r, have[r.Seq])
		}
		have[r.Seq] = true
	}
	if begun := k.acknowledged + 1; k.marked == begun && begun%childErases == 0 {
		return
	}
	for n := k.erased * childBobs; n < k.at*childBobs; n++ {
		if !have[n] {
			t.Errorf("bob's reading %d is missing at position %d, erased up to %d", n, k.at, k.erased)
		}
	}
}

func (k *killed) minutes(t *testing.T) uint64 {
	t.Helper()
	q := whenever(annOf)
	q.From = monday
	return uint64(len(must[[]schemas.Rollup](t)(k.store.Rollups(t.Context(), q))))
}

// repair appends the batches again that may have been under way, and erases bob: then all
// is exact. It returns the last sequence up to whose end bob is erased.
func (k *killed) repair(t *testing.T) uint64 {
	t.Helper()
	if k.at > k.marked {
		mustAppend(t, k.store, childMarks(k.marked+1))
	}
	mustAppend(t, k.store, childBatch(k.at+1))
	if _, err := k.store.Erase(t.Context(), acme, bob, childEnd(k.at+1)); err != nil {
		t.Fatalf("erase: %v", err)
	}
	k.acknowledged, k.erased = k.marked, k.at+1
	if k.at > k.marked {
		k.acknowledged++
	}
	k.at, k.marked, k.repaired = k.at+1, k.acknowledged, true
	k.wantAnn(t, 1, childItems, childReading)
	k.wantAnn(t, 2, childLate, childLateReading)
	k.wantBob(t)
	generation, err := generationOf(k.store)
	if err != nil || generation == 0 {
		t.Errorf("generation %d is stored, %v", generation, err)
	}
	wantStats(t, k.store, series.Stats{
		Readings: int64(k.at * (childItems + childLate)), Rollups: int64(k.marked) + 30, Episodes: 1, Findings: 2, //nolint:gosec // small numbers
	})
	wantPosition(t, k.store, schemas.StreamReadings, k.at)
	wantPosition(t, k.store, schemas.StreamRollups, k.marked)
	return k.erased
}
