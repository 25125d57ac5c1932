package hindsight

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Verdict says what judging a finding's readings again came to.
type Verdict string

// The verdicts.
const (
	Same        Verdict = "same"         // the same, bit for bit
	Differs     Verdict = "differs"      // something is different: see Differences
	Missing     Verdict = "missing"      // judging again does not give this finding at all
	Gone        Verdict = "gone"         // its readings are not stored any more
	OtherEngine Verdict = "other_engine" // it was judged by another version of the engine
	NoReceipt   Verdict = "no_receipt"   // it was stored without a receipt, or with one that has no state to begin with
)

// Explanation is a finding with what proves it.
type Explanation struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
	Zone   string     `json:"zone"` // the wearer's

	Finding schemas.Finding   `json:"finding"`
	Episode []schemas.Finding `json:"episode"` // all its findings, without their receipts
	Words   []Word            `json:"words"`   // the receipt's limits and values for people

	Replay Replay  `json:"replay"`
	Curve  []Point `json:"curve"` // of the readings judged again, from a while before the episode; at most MaxPoints
}

// Replay is what judging again came to.
type Replay struct {
	Verdict  Verdict `json:"verdict"`
	Readings int     `json:"readings"` // readings and events judged again, From to To of the receipt
	Late     int     `json:"late"`     // among them, those that came too late: judged only where the day was recomputed
	// Recomputed is set if the finding comes out the same with the late ones.
	Recomputed bool `json:"recomputed,omitempty"`
	// Differences are what is different, at most maxDifferences.
	Differences []Difference `json:"differences,omitempty"`
	Engine      int          `json:"engine"`       // of this build
	Arch        string       `json:"architecture"` // of this build, such as amd64
}

// OtherArch reports whether a finding was judged on another kind of processor than
// this one, of which the last digits of its numbers may be.
func (r *Replay) OtherArch(f *schemas.Finding) bool {
	return f.Receipt != nil && f.Receipt.Arch != "" && f.Receipt.Arch != r.Arch
}

// Find gives an episode's findings, and which of them an id names: a finding's
// own, an episode's, or a nudge's, which is the episode's with a level. An
// episode's stands for the highest it reached. which is -1 if there is none.
func (h *Hindsight) Find(ctx context.Context, org schemas.ID, id string) (findings []schemas.Finding, which int, err error) {
	episode, tail, _ := strings.Cut(id, "-")
	if findings, err = h.Store.Findings(ctx, org, episode); err != nil {
		return nil, -1, fmt.Errorf("look for %s: %w", id, err)
	}
	which = slices.IndexFunc(findings, func(f schemas.Finding) bool { return f.ID == id })
	if which >= 0 {
		return findings, which, nil
	}
	level := 0
	if tail != "" {
		if level, err = strconv.Atoi(tail); err != nil {
			return findings, -1, nil //nolint:nilerr // it is no nudge's id, and so nothing's
		}
	}
	for i := range findings {
		f := &findings[i]
		reached := f.Step == schemas.Opened || f.Step == schemas.Escalated
		if reached && (tail == "" || f.Level == level) && (which < 0 || f.Level >= findings[which].Level) {
			which = i
		}
	}
	return findings, which, nil
}

// Explain judges the readings of one of an episode's findings again, by the
// receipt, and says what that came to.
func (h *Hindsight) Explain(ctx context.Context, findings []schemas.Finding, which int) (Explanation, error) {
	f := findings[which]
	s, err := h.subject(f.Org, f.Wearer)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{
		Org: f.Org, Wearer: f.Wearer, Zone: s.zone.String(), Finding: f, Words: words(&f), Curve: []Point{},
		Replay: Replay{Engine: detect.Engine, Arch: runtime.GOARCH},
	}
	for _, other := range findings {
		other.Receipt = nil
		e.Episode = append(e.Episode, other)
	}
	switch r := f.Receipt; {
	case r == nil || len(r.State) == 0:
		e.Replay.Verdict = NoReceipt
	case r.Engine != detect.Engine:
		e.Replay.Verdict = OtherEngine
	default:
		err = h.prove(ctx, s, &e)
	}
	return e, err
}

// prove fills in the replay and the curve: as live judged, and if that does not
// prove the finding, with what came too late, as a recomputed day has it.
func (h *Hindsight) prove(ctx context.Context, s subject, e *Explanation) error {
	p, err := h.again(ctx, s, &e.Finding, onTime)
	if err == nil && p.verdict == Missing && e.Finding.Rule == schemas.RuleCalibration {
		err = h.overtaken(ctx, &e.Finding, p)
	}
	if err != nil {
		return err
	}
	if p.verdict != Same {
		with, err := h.again(ctx, s, &e.Finding, func(*series.Reading) bool { return true })
		if err != nil {
			return err
		}
		if with.verdict == Same || p.verdict == Gone {
			p, e.Replay.Recomputed = with, with.verdict == Same
		}
	}
	e.Replay.Verdict, e.Replay.Readings, e.Replay.Late = p.verdict, p.judged, p.late
	if p.verdict == Differs {
		e.Replay.Differences = differences(&e.Finding, p.found)
	}
	e.Curve = p.curve.points()
	return nil
}

// proof is one judging again.
type proof struct {
	tally
	wearer  *detect.Wearer   // at the reading that proved it
	found   *schemas.Finding // nil if it did not come out
	verdict Verdict
	curve   curve
}

// again judges a receipt's readings, the first to the last, from its state on.
func (h *Hindsight) again(ctx context.Context, s subject, f *schemas.Finding, admit func(*series.Reading) bool) (*proof, error) {
	r := f.Receipt
	w, err := detect.Resume(f.Org, f.Wearer, r.From, r.State, s.timeline)
	if err != nil {
		return nil, fmt.Errorf("resume from the receipt of %s: %w", f.ID, err)
	}
	p := proof{wearer: w, curve: newCurve(curveFrom(f), r.To.Time)}
	j := job{
		query:  series.Query{Org: f.Org, Wearer: f.Wearer, From: r.From.Time.Add(-disorder), To: r.To.Time.Add(disorder)},
		wearer: w, trace: true, start: &r.From, stop: &r.To, admit: admit,
	}
	j.each = func(out *detect.Output) error {
		p.curve.add(out.Postures)
		p.look(f, out)
		return nil
	}
	if p.tally, err = h.judge(ctx, j); err != nil {
		return nil, err
	}
	p.judge(f)
	return &p, nil
}

// look keeps what came out of a finding.
func (p *proof) look(f *schemas.Finding, out *detect.Output) {
	for i := range out.Findings {
		if out.Findings[i].ID == f.ID {
			found := out.Findings[i]
			p.found = &found
		}
	}
}

// judge says what it came to.
func (p *proof) judge(f *schemas.Finding) {
	switch {
	case !p.begun || !p.ended:
		p.verdict = Gone
	case p.found == nil:
		p.verdict = Missing
	case bytes.Equal(canonical(p.found), canonical(f)):
		p.verdict = Same
	default:
		p.verdict = Differs
	}
}
