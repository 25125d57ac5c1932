package hindsight

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"time"

	"sitwell/schemas"
)

// Change says what became of an episode.
type Change string

// The changes.
const (
	EpisodeAdded   Change = "added"
	EpisodeGone    Change = "gone"
	EpisodeChanged Change = "changed"
)

// EpisodeChange is an episode that a day has now, has no longer, or tells of
// differently.
type EpisodeChange struct {
	Change  Change       `json:"change"`
	Episode string       `json:"episode"`
	Rule    schemas.Rule `json:"rule"`
	Start   time.Time    `json:"start"`
	// Before and After are how it ends and how far it came; nil where it is not there.
	Before *EpisodeEnd `json:"before,omitempty"`
	After  *EpisodeEnd `json:"after,omitempty"`
}

// EpisodeEnd is what an episode came to.
type EpisodeEnd struct {
	Level    int              `json:"level"`
	Severity schemas.Severity `json:"severity,omitempty"`
	End      time.Time        `json:"end,omitzero"` // zero while it is open
	Outcome  schemas.Outcome  `json:"outcome,omitempty"`
	Seconds  float64          `json:"seconds"`
}

// endOf sums up an episode's findings, of which there is at least one.
func endOf(findings []schemas.Finding) *EpisodeEnd {
	var e EpisodeEnd
	for i := range findings {
		f := &findings[i]
		e.Level, e.Severity = max(e.Level, f.Level), max(e.Severity, f.Severity)
		if f.Step == schemas.Closed {
			e.End, e.Outcome, e.Seconds = f.End, f.Outcome, f.Seconds
		} else if e.End.IsZero() {
			e.Seconds = max(e.Seconds, f.Seconds)
		}
	}
	return &e
}

// keepProven puts a finding that was there before in place of the same one in b
// where the two differ only in the state that their receipts begin with. That
// state may remember things that a shorter lead-in did not see, such as runs of
// the device that are over. Both prove the finding.
func (b *built) keepProven(before *built) {
	for id, now := range b.findings {
		for i := range now {
			j := slices.IndexFunc(before.findings[id], func(f schemas.Finding) bool { return f.ID == now[i].ID })
			if j >= 0 && sameTale(now[i], before.findings[id][j]) {
				now[i] = before.findings[id][j]
			}
		}
	}
}

// sameTale reports whether two findings differ at most in where their proof begins.
func sameTale(a, b schemas.Finding) bool { return bytes.Equal(tale(a), tale(b)) }

func tale(f schemas.Finding) []byte {
	if f.Receipt != nil {
		r := *f.Receipt
		r.From, r.State = schemas.Place{}, nil
		f.Receipt = &r
	}
	return canonical(&f)
}

// canonical is a finding as bytes that are the same for the same finding: members
// in the order of the schema, keys of maps in order, the shortest numbers that
// read back as they were.
func canonical(f *schemas.Finding) []byte {
	plain := *f
	if f.Receipt != nil {
		receipt := *f.Receipt
		receipt.Arch = "" // it is what judged, not what was found
		plain.Receipt = &receipt
	}
	b, err := json.Marshal(plain)
	if err != nil { // a number that JSON has not, which the engine does not make
		return []byte(err.Error())
	}
	return b
}

// compare fills the report in.
func (r *Report) compare(before, after *built) {
	r.MinutesBefore, r.Minutes = len(before.rollups), len(after.rollups)
	r.MinutesChanged = differ(before.rollups, after.rollups)
	r.EpisodesBefore, r.Episodes = len(before.findings), len(after.findings)
	for id, was := range before.findings {
		switch is, ok := after.findings[id]; {
		case !ok:
			r.change(EpisodeGone, was, nil)
		case !slices.EqualFunc(inOrder(was), inOrder(is), func(a, b schemas.Finding) bool { return bytes.Equal(canonical(&a), canonical(&b)) }):
			r.change(EpisodeChanged, was, is)
		}
	}
	for id, is := range after.findings {
		if before.findings[id] == nil {
			r.change(EpisodeAdded, nil, is)
		}
	}
	slices.SortFunc(r.Changes, func(a, b EpisodeChange) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Episode, b.Episode))
	})
}

func (r *Report) change(what Change, was, is []schemas.Finding) {
	c := EpisodeChange{Change: what}
	for _, findings := range [][]schemas.Finding{was, is} {
		if len(findings) > 0 {
			c.Episode, c.Rule, c.Start = findings[0].Episode, findings[0].Rule, findings[0].Start
		}
	}
	if was != nil {
		c.Before = endOf(was)
	}
	if is != nil {
		c.After = endOf(is)
	}
	r.Changes = append(r.Changes, c)
}

// differ counts minutes that are in one list only, or are not the same in both.
func differ(a, b []schemas.Rollup) (n int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Minute < b[0].Minute:
			a = a[1:]
			n++
		case a[0].Minute > b[0].Minute:
			b = b[1:]
			n++
		default:
			if asStored(a[0]) != asStored(b[0]) {
				n++
			}
			a, b = a[1:], b[1:]
		}
	}
	return n + len(a) + len(b)
}

// inOrder is an episode's findings in one order, whoever gave them.
func inOrder(findings []schemas.Finding) []schemas.Finding {
	return slices.SortedFunc(slices.Values(findings), func(a, b schemas.Finding) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
}

// asStored is a minute to a thousandth of each unit, the least that stores keep.
func asStored(r schemas.Rollup) schemas.Rollup {
	for _, v := range []*float32{
		&r.Sitting, &r.Standing, &r.Moving, &r.NotWorn, &r.Upright, &r.Slouched, &r.Flexion, &r.FlexionP95,
		&r.LeanLeft, &r.LeanRight, &r.Bent, &r.LoadPeak, &r.Bout,
	} {
		*v = float32(math.Round(float64(*v) * 1000))
	}
	return r
}
