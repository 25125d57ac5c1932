package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitwell/schemas"
)

// The traces of these tests start at a whole minute and are written as spells:
// for so long the wearer did this. An interval belongs to the reading at its
// start, so that spells that are multiples of the spacing count exactly.

var (
	org    = schemas.MustID("acme")
	person = schemas.MustID("w1")
	chest  = schemas.MustID("dev1")
	spare  = schemas.MustID("dev2")
)

const day0 = int64(1_795_165_200_000) // 2026-11-20T09:00:00Z

// spell is a stretch of time in which every reading says the same.
type spell struct {
	secs  float64
	pitch float64 // degrees; nan for none
	sd    int     // motion in mg, as it was since the reading before; -1 for none
	seat  seat
	off   bool // not worn
	gap   bool // no readings

	roll   float64 // degrees
	lumbar float64 // degrees, if two sensors are worn
	two    bool
}

type seat int

const (
	onSeat seat = iota
	onFeet
	nobodyKnows
)

func slouched(secs float64) spell { return spell{secs: secs, pitch: 20} }
func upright(secs float64) spell  { return spell{secs: secs} }
func between10And15(secs float64) spell {
	return spell{secs: secs, pitch: 12}
}
func standing(secs float64) spell { return spell{secs: secs, seat: onFeet} }
func walking(secs float64) spell  { return spell{secs: secs, seat: onFeet, sd: 300} }
func gap(secs float64) spell      { return spell{secs: secs, gap: true} }
func takenOff(secs float64) spell { return spell{secs: secs, off: true} }

// pitched and rolled are seated and still, forward and to the right; hipBent
// bends at the hips with a straight back, which is a load and no slouch.
func pitched(secs, deg float64) spell { return spell{secs: secs, pitch: deg} }
func rolled(secs, deg float64) spell  { return spell{secs: secs, roll: deg} }
func hipBent(secs, deg float64) spell {
	return spell{secs: secs, pitch: deg, lumbar: deg, two: true}
}

// items writes spells down as readings, step apart, from seq 1 at day0.
func items(step time.Duration, spells ...spell) []schemas.Item {
	var all []schemas.Item
	at, end := int64(0), int64(0)
	for _, s := range spells {
		end += int64(s.secs*1000 + 0.5)
		if s.gap {
			at = end
			continue
		}
		for ; at < end; at += step.Milliseconds() {
			all = append(all, schemas.Item{Reading: s.reading(uint64(len(all)+1), day0+at)})
		}
	}
	return all
}

func (s spell) reading(seq uint64, at int64) schemas.Reading {
	r := schemas.Reading{Seq: seq, Time: at, TrunkPitch: schemas.Tenths(s.pitch), Fields: schemas.HasTrunk}
	r.TrunkRoll = schemas.Tenths(s.roll)
	if s.two {
		r.LumbarPitch = schemas.Tenths(s.lumbar)
		r.Fields |= schemas.HasLumbar
	}
	if s.sd >= 0 {
		r.Motion = uint16(s.sd)
		r.Fields |= schemas.HasMotion
	}
	if !s.off {
		r.Fields |= schemas.IsWorn
	}
	switch s.seat {
	case onSeat:
		r.Fields |= schemas.HasSitting | schemas.IsSitting
	case onFeet:
		r.Fields |= schemas.HasSitting
	case nobodyKnows:
	}
	return r
}

func batch(list []schemas.Item) *schemas.Batch {
	return &schemas.Batch{Org: org, Wearer: person, Device: chest, Boot: 7, Items: list}
}

// judge takes all items as one batch.
func judge(list []schemas.Item) (*Wearer, *Output) {
	w, out := NewWearer(org, person, Always(Defaults())), &Output{Trace: true}
	w.Take(batch(list), out)
	return w, out
}

// lines writes findings down for people: when, what, and what it says.
func lines(found []schemas.Finding, rule schemas.Rule) []string {
	var all []string
	rel := func(t time.Time) string { return fmt.Sprint(float64(t.UnixMilli()-day0) / 1000) }
	for _, f := range found {
		if f.Rule != rule {
			continue
		}
		line := fmt.Sprintf("%s %s%d since %s for %g", rel(f.Time), f.Step, f.Level, rel(f.Start), f.Seconds)
		if f.Step == schemas.Closed {
			line += fmt.Sprintf(" %s at %s", f.Outcome, rel(f.End))
		}
		if f.Cause != "" {
			line += " " + string(f.Cause)
		}
		usual := schemas.Severity(f.Level)
		if rule == schemas.RuleSlouch {
			usual = schemas.Mild // whatever its level
		}
		if f.Severity != usual && f.Severity != 0 {
			line += " " + f.Severity.String()
		}
		all = append(all, line)
	}
	return all
}

func sameLines(t *testing.T, got []string, want string) {
	t.Helper()
	var trimmed []string
	for line := range strings.Lines(strings.TrimSpace(want)) {
		trimmed = append(trimmed, strings.TrimSpace(line))
	}
	if g, w := strings.Join(got, "\n"), strings.Join(trimmed, "\n"); g != w {
		t.Errorf("found:\n%s\nwant:\n%s", g, w)
	}
}
