package influx

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

// file makes the server put what it has in its cache into files, as it does before a backup.
func file(t *testing.T, server *influxtest.Server) {
	t.Helper()
	for shard := 1; shard < 100; shard++ {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/api/v2/backup/shards/%d", server.URL, shard), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Token "+server.Token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusNotFound {
			return
		}
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("backup of shard %d: %s", shard, answer.Status)
		}
	}
}

// pointsOf are how many points the server counts by itself.
func (b *bench) pointsOf(of bucket, name string) (n int64) {
	b.tb.Helper()
	f := b.store.all(of, field(name)).count().keep(colValue).group().sum()
	if err := b.store.query(b.tb.Context(), f, func(r *row) error { n = r.int(colValue); return nil }); err != nil {
		b.tb.Fatal(err)
	}
	return n
}

// overlap has a point of each kind in the cache, before the rest, which is in a file.
func overlap(t *testing.T, n int) *bench {
	t.Helper()
	b := newBenchOn(t, influxtest.New(t), nil)
	first, rest := series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: 2}, series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: 1}
	for i := range n {
		into := &rest
		if i == 0 {
			into = &first
		}
		into.Rollups = append(into.Rollups, sat(ann, int64(i), 60))
	}
	readings := wear(ann, chest, 1, 2_000_000, n)
	for i := range readings.Items {
		readings.Items[i].Time = monday.UnixMilli() + int64(i)*1000
	}
	cached := readings
	cached.Items, readings.Items = readings.Items[:1], readings.Items[1:]
	b.append(rest)
	b.append(inLog(1, readings))
	file(t, b.server)
	b.append(first)
	b.append(inLog(2, cached))
	return b
}

// While the server's cache overlaps its files it tells points twice, and nobody who asks the store sees it.
func TestPointsToldTwice(t *testing.T) {
	const n = 1001 // a block of 1,000, and one in the cache
	b := overlap(t, n)
	for of, name := range map[bucket]string{bucketRaw: fieldRun, bucketRollups: fieldUpright} {
		if got := b.pointsOf(of, name); got <= n {
			t.Fatalf("the server tells %d points of %s, %d of them stored: it tells none twice", got, of, n)
		}
	}
	q := day(n / 60.0)
	want := series.Totals{Wearer: ann, Minutes: n, Sitting: 60 * n, Upright: 60 * n, FlexionSum: 120 * n, Breaks: n}
	whole := q
	whole.To, whole.Wearer = whole.To.Add(time.Minute), schemas.ID{}
	totals, err := b.store.Totals(t.Context(), whole)
	if err != nil || !reflect.DeepEqual(totals, []series.Totals{want}) {
		t.Errorf("totals are %+v, %v, want %+v", totals, err, want)
	}
	whole.Wearer = ann
	slots, err := b.store.Slots(t.Context(), whole, time.Hour)
	minutes := 0
	for i, slot := range slots {
		minutes += slot.Minutes
		if in := min(60, n-60*i); slot.Minutes != in || slot.Sitting != float64(60*in) || slot.Breaks != in {
			t.Errorf("slot %d is %+v, want %d minutes", i, slot, in)
		}
	}
	if err != nil || minutes != n {
		t.Errorf("slots have %d minutes, %v, want %d", minutes, err, n)
	}
	if rollups, err := b.store.Rollups(t.Context(), whole); err != nil || len(rollups) != n {
		t.Errorf("%d rollups, %v, want %d", len(rollups), err, n)
	}
	if got := b.readings(whole); len(got) != n {
		t.Errorf("%d readings, want %d", len(got), n)
	}
	if points, err := b.store.distinct(t.Context(), bucketRaw, 1, places()); err != nil || points != n {
		t.Errorf("%d points of readings, %v, want %d", points, err, n)
	}
	if stats, err := b.store.Stats(t.Context()); err != nil || stats.Readings != n || stats.Rollups != n {
		t.Errorf("stats are %+v, %v, want %d readings and minutes", stats, err, n)
	}
	done, err := b.store.Erase(t.Context(), acme, ann, monday.Add(24*time.Hour))
	if err != nil || done != (series.Erased{Readings: n, Rollups: n}) {
		t.Errorf("erased %+v, %v, want %d readings and minutes", done, err, n)
	}
}

// Doubling of one field alone is noticed, too.
func TestOneFieldToldTwice(t *testing.T) {
	const n = 1001
	b := newBenchOn(t, influxtest.New(t), nil)
	rest := make([]schemas.Rollup, 0, n)
	for i := range n {
		rest = append(rest, sat(ann, int64(i), 60))
	}
	b.minutes(1, rest[1:]...)
	file(t, b.server)
	p := newPoints()
	p.start(measMinutes)
	p.tag(tagOrg, acme.String())
	p.tag(tagWearer, ann.String())
	p.int(fieldUpright, 60_000)
	p.end(minuteAt(rest[0].Minute, 60_000, 60_000))
	if err := b.store.write(t.Context(), bucketRollups, p.bytes()); err != nil {
		t.Fatal(err)
	}
	if upright, sitting := b.pointsOf(bucketRollups, fieldUpright), b.pointsOf(bucketRollups, fieldSitting); upright <= n || sitting != n-1 {
		t.Fatalf("the server tells %d and %d points, want the first alone twice", upright, sitting)
	}
	q := day(24)
	q.Wearer = schemas.ID{}
	totals, err := b.store.Totals(t.Context(), q)
	// What is being written counts field by field.
	want := series.Totals{Wearer: ann, Minutes: n - 1, Sitting: 60 * (n - 1), Upright: 60 * n, FlexionSum: 120 * (n - 1), Breaks: n - 1}
	if err != nil || !reflect.DeepEqual(totals, []series.Totals{want}) {
		t.Errorf("totals are %+v, %v, want %+v", totals, err, want)
	}
}

// Findings and aggregates that come twice are one, too, whole and in their folds.
func TestFindingsAndAggregatesToldTwice(t *testing.T) {
	const n = 1001
	b := newBenchOn(t, influxtest.New(t), nil)
	findings, aggregates := make([]schemas.Finding, n), make([]series.Aggregate, n)
	for i := range n {
		findings[i] = explained(fmt.Sprintf("e-%d", i), schemas.Opened, 0)
		start := monday.Add(time.Duration(i) * time.Minute) // all in one of the server's files
		findings[i].Start, findings[i].Time = start, start.Add(time.Minute)
		aggregates[i] = series.Aggregate{Org: acme, Window: series.HourOfWeek, Start: start, End: start.Add(time.Hour), Made: start, Contributors: "10-19", SittingMin: 1}
	}
	put := func(seq uint64, from, to int) {
		t.Helper()
		b.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: seq, Findings: findings[from:to]})
		if err := b.store.PutAggregates(t.Context(), aggregates[from:to]); err != nil {
			t.Fatal(err)
		}
	}
	put(1, 1, n)
	file(t, b.server)
	put(2, 0, 1)
	for of, name := range map[bucket]string{bucketEvents: fieldLevel, bucketOffice: fieldMade} {
		if got := b.pointsOf(of, name); got <= n {
			t.Fatalf("the server tells %d points of %s, %d of them stored: it tells none twice", got, of, n)
		}
	}
	if stats, err := b.store.Stats(t.Context()); err != nil || stats.Findings != n || stats.Episodes != n || stats.Aggregates != n {
		t.Errorf("stats are %+v, %v, want %d findings, episodes and aggregates", stats, err, n)
	}
	q := series.Query{Org: acme, Wearer: findings[0].Wearer, From: monday, To: monday.Add(24 * time.Hour)}
	if all, err := b.store.Episodes(t.Context(), q); err != nil || len(all) != n {
		t.Errorf("%d episodes, %v, want %d", len(all), err, n)
	}
	if all, err := b.store.Findings(t.Context(), acme, "e-500"); err != nil || len(all) != 1 {
		t.Errorf("%d findings of an episode, %v, want 1", len(all), err)
	}
	office := series.OfficeQuery{Org: acme, Window: series.HourOfWeek, From: monday, To: monday.Add(24 * time.Hour)}
	if all, err := b.store.Aggregates(t.Context(), office); err != nil || !reflect.DeepEqual(all, aggregates) {
		t.Errorf("%d aggregates, %v, want %d", len(all), err, n)
	}
}
