package tuning

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/detect"
	"sitwell/schemas"
)

var (
	lawOrg    = schemas.MustID("acme")
	lawTeam   = schemas.MustID("dev")
	lawWearer = schemas.MustID("anna")
	lawStart  = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
)

// drawSet is overrides within their bounds, which need not work together.
func drawSet(rt *rapid.T) map[string]string {
	set := map[string]string{}
	for _, t := range rapid.SliceOfN(rapid.SampledFrom(detect.Tunables()), 0, 4).Draw(rt, "keys") {
		switch t.Unit {
		case detect.Switch:
			set[t.Key] = rapid.SampledFrom([]string{"on", "off"}).Draw(rt, t.Key)
		case detect.Duration:
			set[t.Key] = time.Duration(rapid.Float64Range(t.Least, t.Most).Draw(rt, t.Key) * float64(time.Second)).String()
		case detect.Degrees, detect.Fraction, detect.PerMinute, detect.Percent:
			set[t.Key] = strconv.FormatFloat(rapid.Float64Range(t.Least, t.Most).Draw(rt, t.Key), 'g', -1, 64)
		}
	}
	return set
}

func drawBook(rt *rapid.T) book {
	b := book{}
	for _, s := range chain(lawOrg, lawTeam, lawWearer) {
		e := &entry{}
		for i := range rapid.IntRange(0, 4).Draw(rt, "revisions") {
			// The server's clock may run back: then a later number counts earlier.
			at := lawStart.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "at")) * 500 * time.Millisecond)
			e.revisions = append(e.revisions, Revision{Number: i + 1, Set: drawSet(rt), At: at, From: countsFrom(at)})
		}
		if len(e.revisions) > 0 {
			b[s] = e
		}
	}
	return b
}

// obvious is the parameters at a time, by the words of the documentation.
func obvious(b book, at time.Time) (version string, p detect.Params) {
	p = *detect.Defaults()
	for _, s := range []Scope{{}, {Org: lawOrg}, {Org: lawOrg, Team: lawTeam}, {Org: lawOrg, Wearer: lawWearer}} {
		var in *Revision
		if e := b[s]; e != nil {
			for _, r := range e.revisions {
				if r.From.Equal(at) || r.From.Before(at) {
					in = &r
				}
			}
		}
		if in == nil {
			continue
		}
		next, good := p, true
		for key, text := range in.Set {
			good = next.Set(key, text) == nil && good
		}
		if good && next.Validate() == nil {
			p = next
			version += fmt.Sprintf("+%s%d", s.kind(), in.Number)
		}
	}
	if version == "" {
		return "default", p
	}
	return version[1:], p
}

func TestATimelineIsTheObviousMergeAtAnyTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := drawBook(rt)
		timeline, _ := b.timeline(chain(lawOrg, lawTeam, lawWearer))
		for ms := range 20 {
			at := lawStart.Add(schemas.MaxAhead + lead - 2*time.Second + time.Duration(ms)*777*time.Millisecond)
			version, p := timeline.At(at)
			wantVersion, want := obvious(b, at)
			if version != wantVersion || *p != want {
				rt.Fatalf("at %s: %s %+v\nwant %s %+v", at, version, p, wantVersion, want)
			}
			eff := b.effective(lawOrg, lawTeam, lawWearer, at)
			if eff.Version != version || *eff.Params != want {
				rt.Fatalf("at %s: shown as %s %+v", at, eff.Version, eff.Params)
			}
			for _, v := range eff.Values {
				if v.Scope != nil && b.at(*v.Scope, at).Set[v.Key] == "" || v.Value != want.Get(v.Key) {
					rt.Fatalf("at %s: shown as %+v", at, v)
				}
			}
		}
	})
}

// However records and changes interleave, and whichever changes a detector has
// seen beyond those it must have: it judges each reading as a replay does that
// knows all. The clocks of those who take readings differ from the log's by as
// much as DESIGN.md lets them.
func TestLiveJudgesAsAReplayDoes(t *testing.T) {
	scopes := chain(lawOrg, lawTeam, lawWearer)
	rapid.Check(t, func(rt *rapid.T) {
		all := drawBook(rt)
		known := func(until time.Time) book { // the copy that holds what was written up to a time
			b := book{}
			for s, e := range all {
				part := slices.Clone(e.revisions)
				part = slices.DeleteFunc(part, func(r Revision) bool { return r.At.After(until) })
				b[s] = &entry{revisions: part}
			}
			return b
		}
		replay, _ := all.timeline(scopes)
		for range 20 {
			taken := lawStart.Add(time.Duration(rapid.IntRange(0, 150_000).Draw(rt, "taken")) * time.Millisecond)
			lag := time.Duration(rapid.Int64Range(-int64(time.Minute), int64(stale)).Draw(rt, "lag"))
			fast := time.Duration(rapid.Int64Range(-int64(lead-stale), int64(lead-stale)).Draw(rt, "clock"))
			old := time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(rt, "old"))
			at := taken.Add(fast + schemas.MaxAhead - old).Truncate(time.Millisecond)
			live, _ := known(taken.Add(-lag)).timeline(scopes)
			version, p := live.At(at)
			wantVersion, want := replay.At(at)
			if version != wantVersion || *p != *want {
				rt.Fatalf("a reading of %s, taken %s: judged live by %s, in a replay by %s", at, taken, version, wantVersion)
			}
		}
	})
}

// What Set takes one after the other works at all times, for everybody.
func TestWhatIsTakenWorksForEverybody(t *testing.T) {
	others := []schemas.ID{schemas.MustID("ben"), lawWearer, {}}
	team := func(_, w schemas.ID) schemas.ID {
		if w == lawWearer {
			return lawTeam
		}
		return schemas.ID{}
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := book{}
		scopes := append(chain(lawOrg, lawTeam, lawWearer), Scope{Org: lawOrg, Wearer: others[0]}, Scope{Org: schemas.MustID("other")})
		for i := range rapid.IntRange(1, 12).Draw(rt, "changes") {
			s := rapid.SampledFrom(scopes).Draw(rt, "scope")
			changes := drawSet(rt)
			revisions, err := b.propose(s, "", func(set map[string]string) error {
				if rapid.Bool().Draw(rt, "reset") {
					clear(set)
				}
				maps.Copy(set, changes)
				return nil
			}, team)
			if err != nil {
				continue
			}
			at := lawStart.Add(time.Duration(i) * 700 * time.Millisecond)
			revisions[len(revisions)-1].At, revisions[len(revisions)-1].From = at, countsFrom(at)
			b[s] = &entry{revisions: revisions}
		}
		for _, w := range others {
			if _, bad := b.timeline(chain(lawOrg, team(lawOrg, w), w)); len(bad) > 0 {
				rt.Fatalf("wearer %s: %v", w, bad)
			}
		}
	})
}

func TestKeysComeBack(t *testing.T) {
	id := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,20}`)
	rapid.Check(t, func(rt *rapid.T) {
		org, other := schemas.MustID(id.Draw(rt, "org")), schemas.MustID(id.Draw(rt, "other"))
		for _, s := range []Scope{{}, {Org: org}, {Org: org, Team: other}, {Org: org, Wearer: other}} {
			if got, err := parseKey(s.key()); err != nil || got != s || s.check() != nil {
				rt.Errorf("%s comes back as %+v, %v", s.key(), got, err)
			}
		}
	})
	for _, bad := range []string{"", "all.acme", "org", "org.a.b", "team.a", "wearer.a.b.c", "org.A", "org.", "device.a.b"} {
		if s, err := parseKey(bad); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}

func TestValuesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		for _, e := range drawBook(rt) {
			value, err := encode(e.revisions)
			if err != nil {
				rt.Fatal(err)
			}
			got, err := decode(value, e.revisions[len(e.revisions)-1].At)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(e.revisions) {
				rt.Fatalf("%s\n got %v, %v\nwant %v", value, got, err, e.revisions)
			}
		}
	})
}

func TestCountsFromAWholeSecondNotTooEarly(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want time.Duration
	}{{0, 130 * time.Second}, {1, 131 * time.Second}, {time.Second - 1, 131 * time.Second}, {time.Second, 131 * time.Second}} {
		if got := countsFrom(lawStart.Add(c.at)).Sub(lawStart); got != c.want {
			t.Errorf("%s after nine: %s, want %s", c.at, got, c.want)
		}
	}
}

// A scope is full at some time; that is told and breaks nothing.
func TestAValueHoldsSomeThousandChanges(t *testing.T) {
	var revisions []Revision
	set := map[string]string{}
	for _, tunable := range detect.Tunables()[:4] {
		set[tunable.Key] = tunable.Default
	}
	for i := range 3000 {
		revisions = append(revisions, Revision{Number: i + 1, Set: set, At: lawStart, From: countsFrom(lawStart), By: strings.Repeat("x", 30)})
	}
	value, err := encode(revisions)
	if err != nil || len(value) > maxValue {
		t.Errorf("%d bytes, %v", len(value), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[{"number":1,"set":{"slouch_deg":"16"}}]`, `[]`, `[{"number":2}]`, `null`, `[{"number":1,"set":null}]`,
		`[{"number":1,"at":"2026-11-20T09:00:00Z","from":"2026-11-20T09:02:10Z"},{"number":2,"by":"x"}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		revisions, err := decode(value, lawStart)
		if err != nil {
			return
		}
		b := book{{}: {revisions: revisions}}
		b.timeline(chain(lawOrg, lawTeam, lawWearer))
		b.effective(lawOrg, lawTeam, lawWearer, forever)
		again, err := encode(revisions)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(again, lawStart); err != nil || fmt.Sprint(got) != fmt.Sprint(revisions) {
			t.Errorf("comes back as %v, %v; was %v", got, err, revisions)
		}
	})
}
