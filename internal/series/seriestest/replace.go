package seriestest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// sitting is ann's minute that begins so many seconds after monday.
func sitting(at float64, seconds float32) schemas.Rollup {
	return schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(at), Sitting: seconds}
}

// from is a finding of an episode of ann's that starts so many seconds after monday.
func from(episode string, start float64, step schemas.Step, level int) schemas.Finding {
	f := explained(episode, step, level)
	f.Start, f.Time = after(start), after(start+30*float64(level))
	if step == schemas.Closed {
		f.Time, f.End = after(start+95), after(start+90)
	}
	return f
}

func of(w schemas.ID, f schemas.Finding) schemas.Finding {
	f.Wearer = w
	return f
}

// ten is a store with ten minutes of ann's and one of bob's. Of ann's episodes one began
// before the minutes and is still open, one lies within the first five, one begins a
// millisecond before their end and one at it.
func ten(t *testing.T, open Open) series.Store {
	s := opened(t, open)
	mustAppend(t, s, raw(1, run(1, readings(0, 60, 0, 10)...)))
	b := marked(1, late(1, 3, 9))
	for i := range 10 {
		b.Rollups = append(b.Rollups, sitting(float64(60*i), 10))
	}
	b.Rollups = append(b.Rollups, schemas.Rollup{Org: acme, Wearer: bob, Minute: minuteOf(60), Sitting: 20})
	mustAppend(t, s, b)
	mustAppend(t, s, found(1,
		from("before", -40, schemas.Opened, 1), from("before", -40, schemas.Escalated, 2),
		from("inside", 10, schemas.Opened, 1), from("inside", 10, schemas.Escalated, 2), from("inside", 10, schemas.Closed, 2),
		from("over", 299.999, schemas.Opened, 1), from("over", 299.999, schemas.Closed, 1),
		from("behind", 300, schemas.Opened, 1),
		of(bob, from("bobs", 10, schemas.Opened, 1))))
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{{ID: "d", Org: acme, Wearer: ann, Time: after(40)}}})
	return s
}

func mustReplace(t testing.TB, s series.Store, q series.Query, with series.Rebuilt) {
	t.Helper()
	if err := s.Replace(context.Background(), q, with); err != nil {
		t.Fatalf("replace: %v", err)
	}
}

// outline is a wearer's hour around monday in short: the seconds of the minutes, and each
// episode with its number of findings.
func outline(t testing.TB, s series.Store, wearer schemas.ID) string {
	t.Helper()
	ctx, q := context.Background(), between(series.Query{Org: acme, Wearer: wearer}, -1800, 1800)
	var words []string
	for _, r := range must[[]schemas.Rollup](t)(s.Rollups(ctx, q)) {
		words = append(words, fmt.Sprintf("%d:%v", r.Minute-minuteOf(0), r.Sitting))
	}
	for _, e := range must[[]series.Episode](t)(s.Episodes(ctx, q)) {
		n := len(must[[]schemas.Finding](t)(s.Findings(ctx, acme, e.ID)))
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s/%d/%d %s", e.ID, e.Level, n, e.Outcome)))
	}
	return strings.Join(words, ", ")
}

func wantOutline(t testing.TB, s series.Store, wearer schemas.ID, want string) {
	t.Helper()
	if got := outline(t, s, wearer); got != want {
		t.Errorf("%s has %s\nwant %s", wearer, got, want)
	}
}

// The outlines of ten, of bob and of ann's before and after the first five minutes were replaced.
const (
	bobsTen  = "1:20, bobs/1/1"
	annsTen  = "0:10, 1:10, 2:10, 3:10, 4:10, 5:10, 6:10, 7:10, 8:10, 9:10, before/2/2, inside/2/3 recovered, over/1/2 recovered, behind/1/1"
	replaced = "1:31, 2:32, 5:10, 6:10, 7:10, 8:10, 9:10, before/2/2, inside/1/1, anew/3/2 recovered, behind/1/1"
)

func rebuilt() series.Rebuilt {
	return series.Rebuilt{
		Rollups:  []schemas.Rollup{sitting(60, 31), sitting(120, 32)},
		Findings: []schemas.Finding{from("anew", 100, schemas.Closed, 3), from("inside", 10, schemas.Opened, 1), from("anew", 100, schemas.Opened, 1)},
	}
}

// replace: what is rebuilt is there in place of what was, and nothing else has changed,
// however often; what the log brings afterwards counts.
func replace(t *testing.T, open Open) {
	s := ten(t, open)
	wantOutline(t, s, ann, annsTen)
	five := between(annOf, 0, 300)
	before := untouchedOf(t, s)
	for range 3 {
		mustReplace(t, s, five, rebuilt())
		wantOutline(t, s, ann, replaced)
		wantOutline(t, s, bob, bobsTen)
		wantStats(t, s, series.Stats{Readings: 60, Rollups: 8, Episodes: 5, Findings: 7, Decisions: 1})
	}
	if after := untouchedOf(t, s); !reflect.DeepEqual(before, after) {
		t.Errorf("readings and decisions are now\n%+v, before\n%+v", after, before)
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		wantPosition(t, s, stream, 1)
	}
	// Of an episode with the same ID only the new findings are there.
	if got, want := must[[]schemas.Finding](t)(s.Findings(context.Background(), acme, "inside")), []schemas.Finding{from("inside", 10, schemas.Opened, 1)}; !reflect.DeepEqual(got, want) {
		t.Errorf("findings are %+v, want %+v", got, want)
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(60, 41), sitting(0, 40)}})
	mustAppend(t, s, found(2, from("inside", 10, schemas.Closed, 2), from("later", 20, schemas.Opened, 1), from("before", -40, schemas.Closed, 2)))
	wantOutline(t, s, ann, "0:40, 1:41, 2:32, 5:10, 6:10, 7:10, 8:10, 9:10, before/2/3 recovered, inside/2/2 recovered, later/1/1, anew/3/2 recovered, behind/1/1")
	wantStats(t, s, series.Stats{Readings: 60, Rollups: 9, Episodes: 6, Findings: 10, Decisions: 1})
	mustReplace(t, s, five, series.Rebuilt{})
	wantOutline(t, s, ann, "5:10, 6:10, 7:10, 8:10, 9:10, before/2/3 recovered, behind/1/1")
	wantStats(t, s, series.Stats{Readings: 60, Rollups: 6, Episodes: 3, Findings: 5, Decisions: 1})
}

// untouchedOf is what a replacement leaves alone.
func untouchedOf(t *testing.T, s series.Store) []any {
	t.Helper()
	q := between(annOf, -1800, 1800)
	return []any{stored(t, s, q), must[[]schemas.Decision](t)(s.Decisions(context.Background(), q))}
}

// replaceRewound: a log that comes again after a replacement counts as it ever does.
func replaceRewound(t *testing.T, open Open) {
	s := ten(t, open)
	mustReplace(t, s, between(annOf, 0, 300), series.Rebuilt{})
	wantOutline(t, s, ann, "5:10, 6:10, 7:10, 8:10, 9:10, before/2/2, behind/1/1")
	if err := s.Rewind(context.Background(), schemas.StreamFindings); err != nil {
		t.Fatalf("rewind: %v", err)
	}
	mustAppend(t, s, found(1, from("before", -40, schemas.Opened, 1), from("inside", 10, schemas.Opened, 1)))
	wantOutline(t, s, ann, "5:10, 6:10, 7:10, 8:10, 9:10, before/2/2, inside/1/1, behind/1/1")
}

// replaceEdges: minutes and episodes count where they start, From included and To not.
func replaceEdges(t *testing.T, open Open) {
	for _, c := range []struct {
		from, to float64
		want     string
	}{
		{0, 0, annsTen},
		{300, 0, annsTen},
		{0.001, 10, annsTen},
		{0.001, 10.001, strings.Replace(annsTen, "inside/2/3 recovered, ", "", 1)},
		{10, 60, strings.Replace(annsTen, "inside/2/3 recovered, ", "", 1)},
		{60, 60.001, strings.Replace(annsTen, "1:10, ", "", 1)},
		{60.001, 120, annsTen},
		{299.999, 300, strings.Replace(annsTen, "over/1/2 recovered, ", "", 1)},
		{300, 300.001, strings.NewReplacer("5:10, ", "", ", behind/1/1", "").Replace(annsTen)},
		{-1800, 1800, ""},
	} {
		s := ten(t, open)
		mustReplace(t, s, between(annOf, c.from, c.to), series.Rebuilt{})
		wantOutline(t, s, ann, c.want)
		wantOutline(t, s, bob, bobsTen)
	}
}

// replaceRefused: what is of somebody else or of another time is an error, and nothing
// has changed; so it is with a context that has ended.
func replaceRefused(t *testing.T, open Open) {
	s := ten(t, open)
	bobs, theirs := sitting(60, 1), of(ann, from("x", 10, schemas.Opened, 1))
	bobs.Wearer, theirs.Org = bob, other
	for _, with := range []series.Rebuilt{
		{Rollups: []schemas.Rollup{sitting(0, 1), sitting(-60, 1)}},
		{Rollups: []schemas.Rollup{sitting(0, 1), sitting(300, 1)}},
		{Rollups: []schemas.Rollup{sitting(0, 1), bobs}},
		{Findings: []schemas.Finding{from("x", 10, schemas.Opened, 1), from("y", -0.001, schemas.Opened, 1)}},
		{Findings: []schemas.Finding{from("x", 10, schemas.Opened, 1), from("y", 300, schemas.Opened, 1)}},
		{Findings: []schemas.Finding{from("x", 10, schemas.Opened, 1), of(bob, from("y", 10, schemas.Opened, 1))}},
		{Findings: []schemas.Finding{theirs}},
	} {
		if err := s.Replace(context.Background(), between(annOf, 0, 300), with); err == nil {
			t.Errorf("replacing by %+v gave no error", with)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Replace(ended, between(annOf, 0, 300), rebuilt()); err == nil {
		t.Error("a replacement with a cancelled context gave no error")
	}
	if err := s.Replace(context.Background(), between(annOf, 300, 0), rebuilt()); err == nil {
		t.Error("a replacement of no time at all by something gave no error")
	}
	wantOutline(t, s, ann, annsTen)
	wantStats(t, s, series.Stats{Readings: 60, Rollups: 11, Episodes: 5, Findings: 9, Decisions: 1})
}

// replaceNobody: of a wearer of whom nothing is stored.
func replaceNobody(t *testing.T, open Open) {
	s := opened(t, open)
	mustReplace(t, s, between(annOf, 0, 300), series.Rebuilt{})
	wantOutline(t, s, ann, "")
	wantStats(t, s, series.Stats{})
	mustReplace(t, s, between(annOf, 0, 300), rebuilt())
	wantOutline(t, s, ann, "1:31, 2:32, inside/1/1, anew/3/2 recovered")
	wantStats(t, s, series.Stats{Rollups: 2, Episodes: 2, Findings: 3})
}

// generation is what a replacement of the hour before monday is by: all of it tells its number.
func generation(n int) series.Rebuilt {
	var with series.Rebuilt
	for i := range 30 {
		with.Rollups = append(with.Rollups, sitting(float64(60*i-3600), float32(n)))
	}
	id := fmt.Sprintf("generation-%d", n)
	with.Findings = []schemas.Finding{from(id, -1800, schemas.Opened, 1), from(id, -1800, schemas.Closed, 2)}
	return with
}

// generationOf is the generation that is stored, 0 for none; several at once are an error.
func generationOf(s series.Store) (int, error) {
	ctx, q := context.Background(), between(annOf, -3600, 0)
	rollups, err := s.Rollups(ctx, q)
	if err != nil || len(rollups) == 0 {
		return 0, err
	}
	n := int(rollups[0].Sitting)
	if !reflect.DeepEqual(rollups, generation(n).Rollups) {
		return n, fmt.Errorf("rollups are of several generations: %+v", rollups)
	}
	if e, err := s.Episodes(ctx, q); err != nil || len(e) != 1 {
		return n, fmt.Errorf("episodes are %+v, %w, want one", e, err)
	}
	return n, nil
}

// replaceBeside: those who read while replacements and appends go on see each
// replacement whole, and no append is lost.
func replaceBeside(t *testing.T, open Open) {
	s := opened(t, open)
	const times, size = 20, 25
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for last := 0; ; {
				n, err := generationOf(s)
				if err != nil || n < last {
					t.Errorf("generation %d comes after %d, %v", n, last, err)
					return
				}
				last = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Go(func() {
		for i := range times {
			if err := s.Replace(context.Background(), between(annOf, -3600, 0), generation(i+1)); err != nil {
				t.Errorf("replace: %v", err)
			}
		}
	})
	for i := range times {
		mustAppend(t, s, raw(uint64(i)+1, run(1, readings(uint64(i*size), size, 0, 2)...)))
		mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: uint64(i) + 1, Rollups: []schemas.Rollup{sitting(float64(60*i), 1)}, Late: []schemas.Late{late(1, uint64(i), uint64(i))}})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if n, err := generationOf(s); err != nil || n != times {
		t.Errorf("generation %d is stored, %v, want %d", n, err, times)
	}
	wantStats(t, s, series.Stats{Readings: times * size, Rollups: 30 + times, Episodes: 1, Findings: 2})
}
