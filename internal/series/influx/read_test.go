package influx

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// day is ann's range of so many hours from monday on.
func day(hours float64) series.Query {
	return series.Query{Org: acme, Wearer: ann, From: monday, To: monday.Add(time.Duration(hours * float64(time.Hour)))}
}

// after is so many seconds after monday.
func after(seconds int) time.Time { return monday.Add(time.Duration(seconds) * time.Second) }

func (b *bench) readings(q series.Query) (all []series.Reading) {
	b.tb.Helper()
	if err := b.store.Readings(b.tb.Context(), q, func(r series.Reading) error {
		all = append(all, r)
		return nil
	}); err != nil {
		b.tb.Fatal(err)
	}
	return all
}

func seqsOf(all []series.Reading) []uint64 {
	seqs := make([]uint64, len(all))
	for i := range all {
		seqs[i] = all[i].Seq
	}
	return seqs
}

// More readings than are held at once, of two devices, come in parts, in order, and each
// once, also where a part ends.
func TestReadingsInParts(t *testing.T) {
	b := newBench(t, nil)
	const n = pointsAtOnce
	first, second := wear(ann, chest, 1, 0, 0), wear(ann, hip, 1, 0, 0)
	var seq uint64
	for i := range n { // 4 a second and 1 a second, over 7 hours; each comes twice
		items := []schemas.Item{{Reading: schemas.Reading{Seq: uint64(i), Time: monday.UnixMilli() + int64(i)*250, Motion: uint16(i), Fields: schemas.HasMotion}}}
		first.Items = append(first.Items, items...)
		if i%4 == 0 {
			second.Items = append(second.Items, items...)
		}
		if again := i - 2000; again >= 0 && i%100 == 0 { // 500 s later
			items[0].Seq = uint64(again)
			first.Items = append(first.Items, items[0])
		}
		if len(first.Items) > 20_000 || i == n-1 {
			seq++
			b.append(inLog(seq, first, second))
			first.Items, second.Items = nil, nil
		}
	}
	p, err := b.store.plan(t.Context(), scope{acme, ann, monday.UnixMilli(), monday.Add(24 * time.Hour).UnixMilli()})
	if err != nil || len(p.spans) != 2 || len(p.devices) != 2 {
		t.Fatalf("the plan is %+v, %v, want two parts of two devices", p, err)
	}
	all := b.readings(day(24))
	if len(all) != n+n/4 {
		t.Errorf("%d readings, want %d", len(all), n+n/4)
	}
	seen := map[placeName]bool{}
	for i, r := range all {
		if seen[placeName{r.Device, r.Boot, r.Seq}] {
			t.Fatalf("%s %d is there twice", r.Device, r.Seq)
		}
		seen[placeName{r.Device, r.Boot, r.Seq}] = true
		if r.Time != monday.UnixMilli()+int64(r.Seq)*250 || uint64(r.Motion) != r.Seq%(1<<16) || i > 0 && all[i-1].Time > r.Time {
			t.Fatalf("reading %d is %+v", i, r)
		}
	}
	b.wantStored(n + n/4)
}

// A device that goes to somebody else may send again what it had sent before: the earlier
// time counts, whosever it is, and of the same time the lower name's.
func TestADeviceIsPassedOn(t *testing.T) {
	b := newBench(t, nil)
	at := func(wearer schemas.ID, seq uint64, seconds int64) schemas.Batch {
		w := wear(wearer, chest, 1, seq, 1)
		w.Items[0].Time = monday.UnixMilli() + seconds*1000
		return w
	}
	event := at(bob, 5, 800)
	event.Items[0] = schemas.Item{Reading: schemas.Reading{Seq: 5, Time: event.Items[0].Time}, Event: &schemas.Event{Type: schemas.EventButton}}
	b.append(inLog(1,
		at(ann, 1, 0), at(bob, 1, 900), // bob's is later
		at(ann, 2, 300), at(bob, 2, 299), // ann's is
		at(ann, 3, 400), at(bob, 3, 400), // of one time
		at(ann, 4, 0), at(bob, 4, 901), // too far apart to be one
		at(ann, 5, 700), event,
		at(ann, 1_000_006, 100), at(bob, 1_000_006, 101), at(bob, 6, 102), // the same remainder by a million
	))
	if got := seqsOf(b.readings(day(1))); !slices.Equal(got, []uint64{1, 4, 1_000_006, 3, 5}) {
		t.Errorf("ann has %v", got)
	}
	bobs := day(1)
	bobs.Wearer = bob
	if got := seqsOf(b.readings(bobs)); !slices.Equal(got, []uint64{6, 2, 4}) {
		t.Errorf("bob has %v", got)
	}
	b.wantStored(8)
}

// A mark counts for its run, whoever had the device on, and as far off in time as a
// repetition may be.
func TestMarksReachAsFarAsRepetitions(t *testing.T) {
	b := newBench(t, nil)
	b.append(inLog(1, wear(ann, chest, 1, 0, 3000)))
	mark := schemas.Late{
		Org: acme, Wearer: bob, Device: chest, Boot: 1, First: 0, Last: 2999,
		From: monday.UnixMilli() + 1_000_000, To: monday.UnixMilli() + 1_100_000,
	}
	short := mark
	short.First, short.Last, short.From, short.To = 2500, 2501, monday.UnixMilli()+2_500_000, monday.UnixMilli()+2_501_000
	b.append(series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: 1, Late: []schemas.Late{mark, short}})
	long, over := mark, mark // of days ago, one that is over and one that is not
	long.First, long.Last, long.From, long.To = 2700, 2710, mark.From-10*24*3_600_000, monday.UnixMilli()+2_000_000
	over.First, over.Last, over.From, over.To = 0, 2999, mark.From-12*24*3_600_000, monday.UnixMilli()-1_000_000
	b.append(series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: 2, Late: []schemas.Late{long, over}})
	for _, r := range b.readings(day(1)) {
		if want := r.Seq >= 100 && r.Seq <= 2000 || r.Seq == 2500 || r.Seq == 2501 || r.Seq >= 2700 && r.Seq <= 2710; r.Late != want {
			t.Errorf("%d is late: %v", r.Seq, r.Late)
		}
	}
}

// sat is ann's minute of so much sitting.
func sat(wearer schemas.ID, minute int64, seconds float32) schemas.Rollup {
	return schemas.Rollup{Org: acme, Wearer: wearer, Minute: monday.Unix()/60 + minute, Sitting: seconds, Upright: seconds, Flexion: 2, Breaks: 1}
}

func (b *bench) minutes(seq uint64, rollups ...schemas.Rollup) {
	b.tb.Helper()
	b.append(series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: seq, Rollups: rollups})
}

// A minute that was told several times counts once in each sum.
func TestMinutesToldSeveralTimes(t *testing.T) {
	b := newBench(t, nil)
	b.minutes(1, sat(ann, 0, 60), sat(ann, 1, 30), sat(bob, 0, 10))
	check := func(anns series.Totals, bobs float64) {
		t.Helper()
		q := day(1)
		q.Wearer = schemas.ID{}
		got, err := b.store.Totals(t.Context(), q)
		if err != nil || len(got) != 2 || got[0] != anns || got[1].Wearer != bob || got[1].Sitting != bobs || got[1].Minutes != 1 {
			t.Errorf("totals are %+v, %v, want %+v and %v of bob's", got, err, anns, bobs)
		}
		slots, err := b.store.Slots(t.Context(), day(1), time.Hour)
		if err != nil || !reflect.DeepEqual(slots, []series.Slot{{Start: monday, Totals: anns}}) {
			t.Errorf("slots are %+v, %v, want %+v", slots, err, anns)
		}
	}
	check(series.Totals{Wearer: ann, Minutes: 2, Sitting: 90, Upright: 90, FlexionSum: 180, Breaks: 2}, 10)
	b.minutes(2, sat(ann, 1, 40), sat(ann, 1, 20), sat(bob, 0, 11))
	check(series.Totals{Wearer: ann, Minutes: 2, Sitting: 100, Upright: 100, FlexionSum: 200, Breaks: 2}, 11)
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		from   time.Time
		length time.Duration
		minute int64 // after monday
		number int64
		offset time.Duration
	}{
		{monday, time.Hour, 0, 0, 0},
		{monday, time.Hour, 59, 0, 0},
		{monday, time.Hour, 60, 1, 0},
		{monday.Add(time.Minute), time.Hour, 60, 0, time.Minute},
		{monday.Add(time.Second), time.Hour, 60, 0, time.Minute},
		{monday.Add(time.Nanosecond), time.Hour, 61, 1, time.Minute},
		{monday.Add(-time.Nanosecond), time.Hour, 0, 0, 0},
		{time.Unix(-1, 0), time.Hour, 0, monday.Unix() / 3600, 0},
		{time.Unix(-61, 0), time.Hour, 0, monday.Unix() / 3600, 59 * time.Minute},
		{monday.AddDate(0, 0, -3), 7 * 24 * time.Hour, 4*24*60 - 1, 0, monday.AddDate(0, 0, -3).Sub(time.Unix(0, 0)) % (7 * 24 * time.Hour)},
		{monday.AddDate(0, 0, -3), 7 * 24 * time.Hour, 4 * 24 * 60, 1, monday.AddDate(0, 0, -3).Sub(time.Unix(0, 0)) % (7 * 24 * time.Hour)},
	} {
		by := stepsOf(c.from, c.length)
		nanos := monday.UnixNano() + c.minute*nanosInMin + nanosInMin - 1
		if got := by.number(nanos); got != c.number || by.offset() != c.offset {
			t.Errorf("minute %d is in step %d of %v from %v on, offset %v, want %d, %v", c.minute, got, c.length, c.from, by.offset(), c.number, c.offset)
		}
		if s := by.span(by.number(nanos), span{minNanos, maxNanos}); nanos < s.from || nanos >= s.to || s.to-s.from != int64(c.length) {
			t.Errorf("minute %d is not in step %+v", c.minute, s)
		}
	}
}

// explained is a finding with all that one can have, of an episode that began so long ago.
func explained(episode string, step schemas.Step, ago time.Duration) schemas.Finding {
	start := time.Now().Add(-ago).UTC().Truncate(time.Millisecond)
	return schemas.Finding{
		Schema: schemas.SchemaFinding, ID: schemas.FindingID(episode, step, 1, 1), Episode: episode, Org: acme, Wearer: ann, Device: chest,
		Rule: schemas.RuleSlouch, Step: step, Level: 1, Start: start, Time: start.Add(time.Minute), Seconds: 60, FlexionDeg: 21.123456789,
		Severity: schemas.Mild, Cause: schemas.Left, Boot: 1, Seq: 7, Receipt: &schemas.Receipt{Engine: 2, Limits: map[string]string{"a": `"\` + "\n"}, State: []byte{0, 1, 255}},
	}
}

// Findings are found by their episode alone, however old, and at once where the
// episode was read before.
func TestFindingsOfAnyAge(t *testing.T) {
	b := newBench(t, nil)
	var findings []schemas.Finding
	ages := []time.Duration{-time.Hour, time.Minute, 3 * 24 * time.Hour, 20 * 24 * time.Hour, 80 * 24 * time.Hour, 5 * 365 * 24 * time.Hour}
	for i, ago := range ages {
		findings = append(findings, explained(fmt.Sprintf("e%d", i), schemas.Opened, ago))
	}
	bobs := explained("e1", schemas.Opened, time.Hour)
	bobs.Org = schemas.MustID("other")
	b.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: 1, Findings: append(slices.Clone(findings), bobs)})
	check := func() {
		t.Helper()
		for _, want := range findings {
			got, err := b.store.Findings(t.Context(), acme, want.Episode)
			if err != nil || !reflect.DeepEqual(got, []schemas.Finding{want}) {
				t.Errorf("findings of %s are\n%+v, %v, want\n%+v", want.Episode, got, err, want)
			}
		}
	}
	check()
	ever := series.Query{Org: acme, Wearer: ann, To: time.Now().AddDate(1, 0, 0)}
	if e, err := b.store.Episodes(t.Context(), ever); err != nil || len(e) != len(ages) {
		t.Errorf("episodes are %+v, %v", e, err)
	}
	for _, f := range findings {
		if h, ok := b.store.hints.get(acme, f.Episode); !ok || h != (hint{ann, f.Start.UnixMilli()}) {
			t.Errorf("of %s it is remembered %+v, %v", f.Episode, h, ok)
		}
	}
	check()
	b.store.hints.put(acme, "e3", hint{bob, 17}) // which is not so any more
	check()
}

func TestHintsAreBounded(t *testing.T) {
	var h hints
	for i := range maxHints + 10 {
		h.put(acme, fmt.Sprint(i), hint{ann, int64(i)})
		h.put(acme, "0", hint{ann, 0})
		if _, ok := h.get(acme, "1"); !ok && i >= 1 && i < maxHints-1 {
			t.Fatalf("%d are too many", i)
		}
	}
	_, first := h.get(acme, "0")
	_, second := h.get(acme, "2")
	if len(h.known) != maxHints || h.order.Len() != maxHints || !first || second {
		t.Errorf("%d and %d are remembered, the one that is used %v, the oldest %v", len(h.known), h.order.Len(), first, second)
	}
	h.clear()
	if _, ok := h.get(acme, "0"); ok || len(h.known) != 0 {
		t.Error("it is remembered after all was forgotten")
	}
}

// An episode that began long before the range is in it as long as it goes on.
func TestEpisodesOfLongAgo(t *testing.T) {
	b := newBench(t, nil)
	tell := func(episode string, step schemas.Step, start, told, end time.Time) schemas.Finding {
		f := explained(episode, step, 0)
		f.Start, f.Time = start, told
		if step == schemas.Closed {
			f.End = end
		}
		return f
	}
	days := func(n float64) time.Time { return monday.Add(time.Duration(n * 24 * float64(time.Hour))) }
	b.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: 1, Findings: []schemas.Finding{
		tell("long", schemas.Opened, days(-40), days(-40), time.Time{}), tell("long", schemas.Closed, days(-40), days(1), days(1)),
		tell("silent", schemas.Opened, days(-30), days(-30), time.Time{}), tell("silent", schemas.Escalated, days(-30), days(-0.5), time.Time{}),
		tell("over", schemas.Opened, days(-20), days(-20), time.Time{}), tell("over", schemas.Closed, days(-20), days(-0.5), days(-0.5)),
		tell("forgotten", schemas.Opened, days(-10), days(-2), time.Time{}),
		tell("early", schemas.Closed, days(-9), days(-8), days(0.25)), // told before it ended
	}})
	for _, c := range []struct {
		from, to float64
		want     []string
	}{{0, 0.1, []string{"long", "silent", "early"}}, {0.3, 0.4, []string{"long", "silent"}}, {0.6, 2, []string{"long"}}, {1, 2, nil}, {-41, -39, []string{"long"}}} {
		q := series.Query{Org: acme, Wearer: ann, From: days(c.from), To: days(c.to)}
		all, err := b.store.Episodes(t.Context(), q)
		var got []string
		for _, e := range all {
			got = append(got, e.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("episodes of [%v, %v) are %v, %v, want %v", c.from, c.to, got, err, c.want)
		}
	}
}

// A decision that was taken again at another time is told once, wherever the range ends.
func TestDecisionsThatMoved(t *testing.T) {
	b := newBench(t, nil)
	at := func(seq uint64, id string, seconds int, action schemas.Action) {
		b.append(series.Batch{Stream: schemas.StreamNudges, Log: "l", Seq: seq, Decisions: []schemas.Decision{
			{Schema: schemas.SchemaDecision, ID: id, Org: acme, Wearer: ann, Time: after(seconds), Action: action},
		}})
	}
	at(1, "a", 10, schemas.ActionHeld)
	at(2, "a", 3000, schemas.ActionSent)
	at(3, "b", 3000, schemas.ActionSent)
	at(4, "b", 10, schemas.ActionHeld)
	for _, c := range []struct {
		from, to int
		want     []string
	}{{0, 20, []string{"b"}}, {20, 4000, []string{"a"}}, {0, 4000, []string{"b", "a"}}, {20, 3000, nil}} {
		q := series.Query{Org: acme, Wearer: ann, From: after(c.from), To: after(c.to)}
		all, err := b.store.Decisions(t.Context(), q)
		var got []string
		for _, d := range all {
			got = append(got, d.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("decisions of [%d, %d) are %v, %v, want %v", c.from, c.to, got, err, c.want)
		}
	}
}

// A store that only reads answers all questions of its role with its role's token.
func TestReadersOfEachRole(t *testing.T) {
	b := newBench(t, nil)
	b.append(inLog(1, wear(ann, chest, 1, 0, 10)))
	b.minutes(1, sat(ann, 0, 60))
	b.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: 1, Findings: []schemas.Finding{explained("e", schemas.Opened, time.Hour)}})
	if err := b.store.PutAggregates(t.Context(), []series.Aggregate{{Org: acme, Window: series.Day, Start: monday, End: monday.Add(24 * time.Hour), Contributors: "50-99"}}); err != nil {
		t.Fatal(err)
	}
	tokens := setUp(t, b.server, b.options.Prefix, nil)
	as := func(role Role) *Store {
		s, err := Open(t.Context(), optionsFor(b.server, b.options.Prefix, role, tokens[role]))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	dashboard, office := as(Dashboard), as(Office)
	n := 0
	if err := dashboard.Readings(t.Context(), day(1), func(series.Reading) error { n++; return nil }); err != nil || n != 10 {
		t.Errorf("the dashboard reads %d readings, %v", n, err)
	}
	if f, err := dashboard.Findings(t.Context(), acme, "e"); err != nil || len(f) != 1 {
		t.Errorf("the dashboard reads findings %+v, %v", f, err)
	}
	if _, err := dashboard.Slots(t.Context(), day(1), time.Hour); err != nil {
		t.Errorf("the dashboard reads slots: %v", err)
	}
	windows := series.OfficeQuery{Org: acme, Window: series.Day, From: monday, To: monday.Add(time.Hour)}
	if a, err := office.Aggregates(t.Context(), windows); err != nil || len(a) != 1 {
		t.Errorf("the office reads %+v, %v", a, err)
	}
	if _, err := dashboard.Aggregates(t.Context(), windows); err == nil {
		t.Error("the dashboard reads the office's bucket")
	}
	for what, ask := range map[string]func() error{
		"readings": func() error { return office.Readings(t.Context(), day(1), func(series.Reading) error { return nil }) },
		"rollups":  func() error { _, err := office.Rollups(t.Context(), day(1)); return err },
		"episodes": func() error { _, err := office.Episodes(t.Context(), day(1)); return err },
		"wearers":  func() error { return office.Wearers(t.Context(), func(series.Extent) error { return nil }) },
	} {
		if err := ask(); err == nil {
			t.Errorf("the office's token reads %s", what)
		}
	}
	if _, err := dashboard.Erase(t.Context(), acme, ann, time.Now()); err == nil {
		t.Error("the dashboard's token erases")
	}
	if err := dashboard.Retain(context.WithoutCancel(t.Context()), series.DefaultRetention(), time.Now()); err == nil {
		t.Error("the dashboard's token applies retention")
	}
}
