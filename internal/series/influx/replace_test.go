package influx

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

// hour is a store with an hour of ann's and an episode in it.
func hour(b *bench) {
	b.tb.Helper()
	b.append(inLog(1, wear(ann, chest, 1, 0, 100)))
	b.minutes(1, sat(ann, 0, 10), sat(ann, 1, 10), sat(ann, 60, 10), sat(bob, 0, 10))
	b.append(series.Batch{Stream: schemas.StreamFindings, Log: "l", Seq: 1, Findings: []schemas.Finding{begins("old", ann, 5), begins("bobs", bob, 5), begins("later", ann, 3700)}})
}

// begins is a finding of an episode that begins so many seconds after monday.
func begins(episode string, wearer schemas.ID, seconds int) schemas.Finding {
	f := explained(episode, schemas.Opened, 0)
	f.Wearer, f.Start, f.Time = wearer, after(seconds), after(seconds+1)
	return f
}

func anew() series.Rebuilt {
	return series.Rebuilt{Rollups: []schemas.Rollup{sat(ann, 1, 5), sat(ann, 2, 50), sat(ann, 2, 40)}, Findings: []schemas.Finding{begins("new", ann, 6)}}
}

// The outlines of hour, ann's and bob's and how many readings ann has, before and after its
// first hour is anew.
const (
	hourBefore = "0:10 1:10 60:10 old/1 later/1 | 0:10 bobs/1 | 100"
	hourAfter  = "1:5 2:40 60:10 new/1 later/1 | 0:10 bobs/1 | 100"
)

func (b *bench) wantOutline(want string) {
	b.tb.Helper()
	var out strings.Builder
	of := func(wearer schemas.ID) {
		q := day(2)
		q.Wearer = wearer
		rollups, err := b.store.Rollups(b.tb.Context(), q)
		if err != nil {
			b.tb.Fatal(err)
		}
		for _, r := range rollups {
			fmt.Fprintf(&out, "%d:%v ", r.Minute-monday.Unix()/60, r.Sitting)
		}
		episodes, err := b.store.Episodes(b.tb.Context(), q)
		if err != nil {
			b.tb.Fatal(err)
		}
		for _, e := range episodes {
			findings, err := b.store.Findings(b.tb.Context(), acme, e.ID)
			if err != nil {
				b.tb.Fatal(err)
			}
			fmt.Fprintf(&out, "%s/%d ", e.ID, len(findings))
		}
	}
	of(ann)
	out.WriteString("| ")
	of(bob)
	fmt.Fprintf(&out, "| %d", len(b.readings(day(2))))
	if got := out.String(); got != want {
		b.tb.Errorf("there is %s\nwant     %s", got, want)
	}
}

// A crash right after the journal, in the middle of the removal or in the middle of the writing: the next who
// opens the store finishes it, once.
func TestAReplacementIsFinishedByTheNext(t *testing.T) {
	for name, crash := range map[string]func(*bench, *entry) error{
		"after the journal": func(*bench, *entry) error { return nil },
		"after a removal": func(b *bench, e *entry) error {
			from, to := e.scope().minutes()
			return b.store.remove(t.Context(), bucketRollups, span{from, to}, e.scope().predicate(measMinutes))
		},
		"after all but the journal": func(b *bench, e *entry) error { return b.store.do(t.Context(), e) },
	} {
		b := newBench(t, nil)
		hour(b)
		e, err := newEntry(scope{acme, ann, monday.UnixMilli(), monday.Add(time.Hour).UnixMilli()}, anew())
		if err == nil {
			err = b.store.putJournal(t.Context(), e)
		}
		if err == nil {
			err = crash(b, e)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b.again()
		b.wantOutline(hourAfter)
		b.minutes(2, sat(ann, 0, 20))
		b.again()
		b.wantOutline("0:20 " + hourAfter)
		if _, some, err := b.store.readJournal(t.Context()); some || err != nil {
			t.Errorf("%s: the journal is there still: %v", name, err)
		}
	}
}

// A journal that was not written to its end says nothing: nothing had been removed.
func TestAJournalThatIsNotWhole(t *testing.T) {
	for name, spoil := range map[string]func(lines string) string{
		"a piece is missing": func(lines string) string { return lines[strings.IndexByte(lines, '\n')+1:] },
		"a piece is another": func(lines string) string { return strings.Replace(lines, `piece="`, `piece="AAAA`, 1) },
	} {
		b := newBench(t, nil)
		hour(b)
		e, err := newEntry(scope{acme, ann, monday.UnixMilli(), monday.Add(time.Hour).UnixMilli()}, large(t))
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := e.pack()
		if err != nil || len(pieces) < 2 {
			t.Fatalf("%d pieces, %v", len(pieces), err)
		}
		if err := b.store.write(t.Context(), bucketState, []byte(spoil(string(journalOf(pieces).bytes())))); err != nil {
			t.Fatal(err)
		}
		b.again()
		b.wantOutline(hourBefore)
		if _, some, err := b.store.readJournal(t.Context()); some || err != nil {
			t.Errorf("%s: the journal is there still: %v", name, err)
		}
	}
}

// large is a replacement by so much that its journal has several pieces.
func large(t *testing.T) series.Rebuilt {
	t.Helper()
	var with series.Rebuilt
	state := make([]byte, 2000)
	x := uint64(1)
	for i := range 300 {
		for j := range state {
			x = x*6364136223846793005 + 1442695040888963407
			state[j] = byte(x >> 56)
		}
		f := begins(fmt.Sprintf("large-%d", i), ann, i)
		f.Receipt = &schemas.Receipt{State: append([]byte(nil), state...)}
		with.Findings = append(with.Findings, f)
	}
	return with
}

// What a journal of several pieces holds is put in place whole.
func TestALargeReplacement(t *testing.T) {
	b := newBench(t, nil)
	hour(b)
	with := large(t)
	q := day(1)
	if err := b.store.Replace(t.Context(), q, with); err != nil {
		t.Fatal(err)
	}
	episodes, err := b.store.Episodes(t.Context(), q)
	if err != nil || len(episodes) != len(with.Findings) {
		t.Fatalf("%d episodes, %v, want %d", len(episodes), err, len(with.Findings))
	}
	got, err := b.store.Findings(t.Context(), acme, "large-299")
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].Receipt.State, with.Findings[299].Receipt.State) {
		t.Errorf("findings are %+v, %v", got, err)
	}
	if rollups, err := b.store.Rollups(t.Context(), q); err != nil || len(rollups) != 0 {
		t.Errorf("rollups are %+v, %v, want none", rollups, err)
	}
}

// Where the server goes away in the middle, the replacement is an error, and whoever asks next gets it
// whole: what is half is never told. The same holds for an append, whose minutes are not removed by it.
func TestTheServerGoesAwayInMidReplacement(t *testing.T) {
	for name, next := range map[string]func(*bench){
		"a query":             func(*bench) {},
		"an append":           func(b *bench) { b.minutes(2, sat(ann, 3, 7)) },
		"another replacement": func(b *bench) { b.mustReplace(monday.Add(time.Hour), monday.Add(2*time.Hour)) },
	} {
		b, f := behind(t)
		hour(b)
		f.from(func(n int, w http.ResponseWriter, pass func()) {
			if n == 0 { // the journal
				pass()
				return
			}
			status(http.StatusInternalServerError, "", "text/plain", "away")(w)
		})
		if err := b.store.Replace(t.Context(), day(1), anew()); err == nil {
			t.Fatalf("%s: a replacement without a server gave no error", name)
		}
		if _, err := b.store.Rollups(t.Context(), day(1)); err == nil {
			t.Errorf("%s: half a replacement was told", name)
		}
		f.from(nil)
		next(b)
		want := hourAfter
		switch name {
		case "an append":
			want = strings.Replace(want, "60:10", "3:7 60:10", 1)
		case "another replacement":
			want = strings.NewReplacer(" 60:10", "", " later/1", "").Replace(want)
		}
		b.wantOutline(want)
	}
}

func (b *bench) mustReplace(from, to time.Time) {
	b.tb.Helper()
	if err := b.store.Replace(b.tb.Context(), series.Query{Org: acme, Wearer: ann, From: from, To: to}, series.Rebuilt{}); err != nil {
		b.tb.Fatal(err)
	}
}

// What is put in place of an erased wearer's, because it was made before, is dropped as the log's is.
func TestAnErasedWearerIsNotRebuilt(t *testing.T) {
	b := newBench(t, nil)
	hour(b)
	if _, err := b.store.Erase(t.Context(), acme, ann, monday.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Replace(t.Context(), day(1), anew()); err != nil {
		t.Fatal(err)
	}
	b.wantOutline("2:40 | 0:10 bobs/1 | 0") // of after the erasure's time
}

// What JSON does not have cannot be written down, and then nothing has changed.
func TestWhatCannotBeReplacedBy(t *testing.T) {
	b := newBench(t, nil)
	hour(b)
	with := anew()
	with.Findings[0].Seconds = math.NaN()
	if err := b.store.Replace(t.Context(), day(1), with); err == nil {
		t.Error("a finding of NaN seconds gave no error")
	}
	b.wantOutline(hourBefore)
}

// An erasure of which the server says that it is done, and it is not, is an error.
func TestAnErasureIsVerified(t *testing.T) {
	server := influxtest.Start(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	lies := ""
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/delete" && lies != "" && strings.HasSuffix(r.URL.Query().Get("bucket"), lies) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	for _, b := range personal() {
		lies = "" // nobody asks meanwhile
		bench := newBenchOn(t, server, func(o *Options) { o.URL = between.URL })
		hour(bench)
		lies = "_" + string(b)
		if done, err := bench.store.Erase(t.Context(), acme, ann, time.Now()); err == nil || !strings.Contains(err.Error(), string(b)) {
			t.Errorf("an erasure that leaves what is in %s came to %+v, %v", b, done, err)
		}
		lies = ""
		if _, err := bench.store.Erase(t.Context(), acme, ann, time.Now()); err != nil {
			t.Errorf("erased again: %v", err)
		}
		bench.wantOutline("| 0:10 bobs/1 | 0")
	}
}

// Retention removes a mark only with the last reading that it is of.
func TestRetentionKeepsMarksOfWhatStays(t *testing.T) {
	b := newBench(t, nil)
	midnight := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	var items []schemas.Item
	for i := range uint64(20) {
		items = append(items, schemas.Item{Reading: schemas.Reading{Seq: i, Time: midnight.UnixMilli() + (int64(i)-10)*1000, Fields: schemas.HasMotion}})
	}
	b.append(inLog(1, schemas.Batch{Org: acme, Wearer: ann, Device: chest, Boot: 1, Items: items}))
	mark := func(first, last uint64, from, to int64) schemas.Late {
		return schemas.Late{Org: acme, Wearer: ann, Device: chest, Boot: 1, First: first, Last: last, From: midnight.UnixMilli() + from, To: midnight.UnixMilli() + to}
	}
	b.append(series.Batch{Stream: schemas.StreamRollups, Log: "l", Seq: 1, Late: []schemas.Late{
		mark(5, 12, -5000, 2000), mark(15, 16, 5000, 6000), mark(0, 3, -3_600_000, -3_599_000),
	}})
	r := series.DefaultRetention()
	if err := b.store.Retain(t.Context(), r, midnight.Add(r[series.Raw]+time.Hour)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range b.readings(series.Query{Org: acme, Wearer: ann, To: midnight.AddDate(1, 0, 0)}) {
		got = append(got, fmt.Sprintf("%d %v", r.Seq, r.Late))
	}
	if want := "10 true, 11 true, 12 true, 13 false, 14 false, 15 true, 16 true, 17 false, 18 false, 19 false"; strings.Join(got, ", ") != want {
		t.Errorf("there are %v, want %s", got, want)
	}
	left := 0
	if err := b.store.query(t.Context(), b.store.all(bucketRaw, measurement(measLate), field(fieldTo)), func(*row) error { left++; return nil }); err != nil || left != 2 {
		t.Errorf("%d marks are left, %v, want 2", left, err)
	}
}
