package seriestest

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// whole is one batch of each stream with something of each kind of a wearer, so many
// seconds after monday: 40 readings, an event, a mark, ten minutes, two episodes with
// three findings, a decision.
func whole(org, wearer, device schemas.ID, seq uint64, at float64) []series.Batch {
	b := run(1, readings(seq*1000, 40, at, 10)...)
	b.Items = append(b.Items, schemas.Item{
		Reading: schemas.Reading{Seq: seq*1000 + 40, Time: after(at + 400).UnixMilli()}, Event: &schemas.Event{Type: schemas.EventButton},
	})
	mark := lateAt(1, seq*1000+3, seq*1000+5, at+30, at+50)
	var rollups []schemas.Rollup
	for i := range 10 {
		r := sitting(at+float64(60*i), 10)
		r.Org, r.Wearer = org, wearer
		rollups = append(rollups, r)
	}
	first, second := wearer.String()+"-first-"+after(at).String(), wearer.String()+"-second-"+after(at).String()
	findings := []schemas.Finding{from(first, at+10, schemas.Opened, 1), from(first, at+10, schemas.Closed, 2), from(second, at+500, schemas.Opened, 1)}
	for i := range findings {
		findings[i].Org, findings[i].Wearer, findings[i].Device = org, wearer, device
	}
	b.Org, b.Wearer, b.Device = org, wearer, device
	mark.Org, mark.Wearer, mark.Device = org, wearer, device
	decision := schemas.Decision{
		Schema: schemas.SchemaDecision, ID: first, Episode: first, Org: org, Wearer: wearer, Device: device, Time: after(at + 20), Action: schemas.ActionSent,
	}
	return []series.Batch{
		raw(seq, b),
		{Stream: schemas.StreamRollups, Seq: seq, Rollups: rollups, Late: []schemas.Late{mark}},
		found(seq, findings...),
		{Stream: schemas.StreamNudges, Seq: seq, Decisions: []schemas.Decision{decision}},
	}
}

// wholes are how many readings, rollups, slots of an hour, episodes and decisions n of whole have.
func wholes(n int) [5]int { return [5]int{41 * n, 10 * n, n, 2 * n, n} }

func wholeErased(n int64) series.Erased {
	return series.Erased{Readings: 41 * n, Rollups: 10 * n, Episodes: 2 * n, Findings: 3 * n, Decisions: n}
}

func wholeStats(n int64) series.Stats {
	return series.Stats{Readings: 41 * n, Rollups: 10 * n, Episodes: 2 * n, Findings: 3 * n, Decisions: n}
}

func mustAppendAll(t testing.TB, s series.Store, batches []series.Batch) {
	t.Helper()
	for _, b := range batches {
		mustAppend(t, s, b)
	}
}

func mustErase(t testing.TB, s series.Store, q series.Query, before time.Time, want series.Erased) {
	t.Helper()
	got, err := s.Erase(t.Context(), q.Org, q.Wearer, before)
	if err != nil {
		t.Fatalf("erase: %v", err)
	}
	if got != want {
		t.Errorf("erased %+v, want %+v", got, want)
	}
}

// rewound forgets the positions of all streams, so that the log comes again.
func rewound(t testing.TB, s series.Store) {
	t.Helper()
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		if err := s.Rewind(t.Context(), stream); err != nil {
			t.Fatalf("rewind: %v", err)
		}
	}
}

// ever is all time about monday of a wearer.
func ever(q series.Query) series.Query {
	q.From, q.To = monday.AddDate(-5, 0, 0), monday.AddDate(5, 0, 0)
	return q
}

func wantCounts(t testing.TB, s series.Store, q series.Query, want [5]int) {
	t.Helper()
	r := recordOf(t, s, ever(q))
	if got := r.counts(); got != want {
		t.Errorf("of %s/%s there are %v readings, rollups, slots, episodes, decisions, want %v", q.Org, q.Wearer, got, want)
	}
}

// people are those of the erasure's tests: ann is erased. The others are bob, who had her
// device before her, and her namesake of another organisation.
func people(seq uint64) (anns, others []series.Batch, rest []series.Query) {
	for i := range uint64(2) { // hours and a day apart
		anns = append(anns, whole(acme, ann, chest, seq+3*i, float64(i)*30*3600)...)
		others = append(others, whole(acme, bob, chest, seq+3*i+1, 7200+float64(i)*30*3600)...)
		others = append(others, whole(other, ann, chest, seq+3*i+2, float64(i)*30*3600)...)
	}
	return anns, others, []series.Query{{Org: acme, Wearer: bob}, annOf2}
}

// inOrder are batches by their sequence, as a log has them.
func inOrder(all ...[]series.Batch) []series.Batch {
	var out []series.Batch
	for seq, left := uint64(0), true; left; seq++ {
		left = false
		for _, batches := range all {
			for _, b := range batches {
				if b.Seq == seq {
					out = append(out, b)
				}
				left = left || b.Seq > seq
			}
		}
	}
	return out
}

// erase: all of a wearer is gone from every question, also of readings that came before
// the others' of the same minute, and nothing of anybody else's is. It stays
// so after reopening and when the log comes again, up to the time before which it was
// erased: what is of later is stored.
func erase(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	anns, others, rest := people(1)
	log := inOrder(anns, others)
	mustAppendAll(t, s, log)
	mustPut(t, s, aggregate(acme, team, series.Day, monday))
	wantCounts(t, s, annOf, wholes(2))
	var before []record
	for _, q := range rest {
		before = append(before, recordOf(t, s, ever(q)))
	}
	end := after(48 * 3600)
	mustErase(t, s, annOf, end, wholeErased(2))
	want := func(anns int64) {
		t.Helper()
		wantCounts(t, s, annOf, wholes(int(anns)))
		for i, q := range rest {
			if got := recordOf(t, s, ever(q)); !reflect.DeepEqual(got, before[i]) {
				t.Errorf("of %s/%s there is\n%+v, before the erasure of another\n%+v", q.Org, q.Wearer, got, before[i])
			}
		}
		stats := wholeStats(4 + anns)
		stats.Aggregates = 1
		wantStats(t, s, stats)
	}
	want(0)
	for _, b := range anns {
		for _, f := range b.Findings {
			if got := must[[]schemas.Finding](t)(s.Findings(t.Context(), acme, f.Episode)); len(got) != 0 {
				t.Errorf("findings of an erased wearer are %+v", got)
			}
		}
	}
	wantWearers(t, s, dayOf(acme, bob, 0, 2), dayOf(other, ann, 0, 2))
	if got := must[[]series.Totals](t)(s.Totals(t.Context(), ever(series.Query{Org: acme}))); len(got) != 1 || got[0].Wearer != bob {
		t.Errorf("totals after an erasure are %+v, want bob's", got)
	}
	wantPosition(t, s, schemas.StreamReadings, 6)
	mustErase(t, s, annOf, after(3600), series.Erased{}) // once more, and up to an earlier time

	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want(0)
	rewound(t, s)
	wantDropped(t, s, log, anns)
	want(0)
	mustAppendAll(t, s, whole(acme, ann, chest, 20, 48*3600)) // from its first moment on
	want(1)
	rewound(t, s)
	wantDropped(t, s, log, anns)
	want(1)
	mustErase(t, s, annOf, after(72*3600), wholeErased(1))
	rewound(t, s)
	mustAppendAll(t, s, whole(acme, ann, chest, 20, 48*3600))
	want(0)
}

// wantDropped appends a log again and wants that what is of the erased wearer, and it
// alone, counts as erased.
func wantDropped(t testing.TB, s series.Store, log, erased []series.Batch) {
	t.Helper()
	for _, b := range log {
		got, err := s.Append(t.Context(), b)
		if err != nil {
			t.Fatalf("append: %v", err)
		}
		least, most := 0, 0
		for _, e := range erased {
			if e.Stream == b.Stream && e.Seq == b.Seq {
				least = len(b.Rollups) + len(b.Findings) + len(b.Decisions)
				for _, r := range b.Readings {
					least += len(r.Items)
				}
				most = least + len(b.Late)
			}
		}
		if got.Erased < least || got.Erased > most || got.Refused+got.Expired > 0 {
			t.Errorf("%s up to %d came to %+v, want %d to %d of it to be erased", b.Stream, b.Seq, got, least, most)
		}
	}
}

// eraseNobody: a wearer of whom nothing is stored is no error, and nothing comes of them
// afterwards.
func eraseNobody(t *testing.T, open Open) {
	s := opened(t, open)
	mustErase(t, s, annOf, after(3600), series.Erased{})
	wantStats(t, s, series.Stats{})
	anns := whole(acme, ann, chest, 1, 0)
	wantDropped(t, s, anns, anns)
	wantPosition(t, s, schemas.StreamReadings, 1)
	wantCounts(t, s, annOf, wholes(0))
	wantWearers(t, s)
	// What an append mixes is taken apart, by the moment.
	mustAppend(t, s, raw(2, run(1, reading(1, 3599.999), reading(2, 3600), reading(3, 3500), reading(4, 3700)), run(2, reading(1, 3599.999))))
	wantSeqs(t, s, ever(annOf), 2, 4)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Erase(ended, acme, ann, after(7200)); err == nil {
		t.Error("an erasure with a cancelled context gave no error")
	}
	wantSeqs(t, s, ever(annOf), 2, 4)
}

// eraseForgets: what was known of an erased wearer's readings and minutes says nothing of
// those that come later: not which there were, not which were late, not how much of a
// minute was covered. Two who wear devices of the same names elsewhere keep theirs.
func eraseForgets(t *testing.T, open Open) {
	s := opened(t, open)
	theirs, theirMark := run(1, readings(1, 9, 0, 10)...), late(1, 3, 4)
	theirs.Org, theirMark.Org = other, other
	mustAppend(t, s, raw(1, run(1, readings(1, 9, 0, 10)...), theirs))
	mustAppend(t, s, series.Batch{
		Stream: schemas.StreamRollups, Seq: 1, Late: []schemas.Late{late(1, 3, 9), lateAt(1, 20, 29, 0, 3600), theirMark}, Rollups: []schemas.Rollup{sitting(60, 60)},
	})
	mustErase(t, s, annOf, after(60), series.Erased{Readings: 9, Rollups: 1})
	mustAppend(t, s, raw(2, run(1, readings(1, 9, 60, 10)...), run(1, readings(20, 2, 200, 10)...), theirs))
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(60, 30)}})
	wantSeqs(t, s, ever(annOf), 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21)
	wantLate(t, s, ever(annOf))
	wantLate(t, s, ever(annOf2), 3, 4)
	if got := must[[]schemas.Rollup](t)(s.Rollups(t.Context(), ever(annOf))); !reflect.DeepEqual(got, []schemas.Rollup{sitting(60, 30)}) {
		t.Errorf("rollups after an erasure are %+v, want 30 s", got)
	}
	wantStats(t, s, series.Stats{Readings: 20, Rollups: 1})
}

// eraseBeside: what comes of a wearer while they are erased does not reappear, nobody
// else's is lost, and who asks once the erasure is over gets nothing.
func eraseBeside(t *testing.T, open Open) {
	s := opened(t, open)
	const appends, size = 40, 25
	begun, end := make(chan struct{}), after(3600)
	var wg sync.WaitGroup
	wg.Go(func() {
		<-begun
		if _, err := s.Erase(t.Context(), acme, ann, end); err != nil {
			t.Errorf("erase: %v", err)
			return
		}
		for range 10 {
			if n := len(stored(t, s, between(annOf, 0, 7200))); n > 0 {
				t.Errorf("%d readings of an erased wearer are there", n)
			}
			if r, err := s.Rollups(t.Context(), between(annOf, 0, 7200)); err != nil || len(r) > 0 {
				t.Errorf("rollups of an erased wearer are %+v, %v", r, err)
			}
		}
	})
	for i := range appends {
		if i == 3 {
			close(begun)
		}
		seq := uint64(i * size)
		bobs := run(2, readings(seq, size, 0, 2)...)
		bobs.Wearer = bob
		mustAppend(t, s, raw(uint64(i)+1, run(1, readings(seq, size, 0, 2)...), bobs))
		bobsMinute := sitting(float64(60*i), 1)
		bobsMinute.Wearer = bob
		mustAppend(t, s, series.Batch{
			Stream: schemas.StreamRollups, Seq: uint64(i) + 1,
			Rollups: []schemas.Rollup{sitting(float64(60*i), 1), bobsMinute}, Late: []schemas.Late{late(1, seq, seq)},
		})
	}
	wg.Wait()
	wantStats(t, s, series.Stats{Readings: appends * size, Rollups: appends})
	wantCounts(t, s, annOf, wholes(0))
	if n := len(stored(t, s, between(series.Query{Org: acme, Wearer: bob}, 0, 7200))); n != appends*size {
		t.Errorf("%d readings of somebody else are there, want %d", n, appends*size)
	}
}
