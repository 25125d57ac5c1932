package influx

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"sitwell/schemas"
)

var (
	errNoName = errors.New("it names no organisation, wearer or device")
	errTime   = errors.New("its time is out of range, 1677 to 2262")
)

// place appends the tags and what all points of a device have.
func (p *points) place(measurement string, b *schemas.Batch) {
	p.start(measurement)
	p.tag(tagDevice, b.Device.String())
	p.tag(tagOrg, b.Org.String())
	p.tag(tagWearer, b.Wearer.String())
}

// item appends a reading or an event of a batch.
func (p *points) item(b *schemas.Batch, item *schemas.Item) error {
	if item.Event != nil {
		return p.event(b, item)
	}
	p.place(measReadings, b)
	r, f := &item.Reading, item.Fields
	p.int(fieldRun, int64(b.Boot)<<16|int64(f))
	if f.Has(schemas.HasTrunk) {
		p.int(fieldPitch, int64(r.TrunkPitch))
		p.int(fieldRoll, int64(r.TrunkRoll))
	}
	if f.Has(schemas.HasMotion) {
		p.int(fieldMotion, int64(r.Motion))
	}
	if f&^(schemas.HasTrunk|schemas.HasMotion|schemas.HasSitting|schemas.IsSitting|schemas.IsWorn) != 0 {
		p.more(r)
	}
	p.seqHigh(item.Seq)
	p.end(readingAt(item.Time, b.Boot, item.Seq))
	return nil
}

// more appends what only some devices measure.
func (p *points) more(r *schemas.Reading) {
	f := r.Fields
	if f.Has(schemas.HasAcc) {
		p.int(fieldAccX, int64(r.Acc[0]))
		p.int(fieldAccY, int64(r.Acc[1]))
		p.int(fieldAccZ, int64(r.Acc[2]))
	}
	if f.Has(schemas.HasLumbar) {
		p.int(fieldLumbar, int64(r.LumbarPitch))
	}
	if f.Has(schemas.HasHead) {
		p.int(fieldHead, int64(r.HeadPitch))
	}
	if f.Has(schemas.HasSittingS) {
		p.int(fieldSittingS, int64(r.SittingS))
	}
	if f.Has(schemas.HasSteps) {
		p.int(fieldSteps, int64(r.Steps))
	}
	if f.Has(schemas.HasBattery) {
		p.int(fieldBattery, int64(r.Battery))
	}
	if f.Has(schemas.HasQuality) {
		p.int(fieldQuality, int64(r.Quality))
	}
}

func (p *points) seqHigh(seq uint64) {
	if high := seq / uint64(nanosInMilli); high > 0 {
		p.int(fieldSeqHigh, int64(high)) //nolint:gosec // a millionth
	}
}

func (p *points) event(b *schemas.Batch, item *schemas.Item) error {
	body, err := schemas.AppendItems(nil, []schemas.Item{*item})
	if err != nil {
		return fmt.Errorf("encode event %d: %w", item.Seq, err)
	}
	p.place(measEvents, b)
	p.int(fieldRun, int64(b.Boot)<<16)
	p.text(fieldType, string(item.Event.Type))
	p.text(fieldBody, base64.StdEncoding.EncodeToString(body))
	p.seqHigh(item.Seq)
	p.end(readingAt(item.Time, b.Boot, item.Seq))
	return nil
}

// late appends a mark.
func (p *points) late(l *schemas.Late) {
	p.start(measLate)
	p.tag(tagDevice, l.Device.String())
	p.tag(tagOrg, l.Org.String())
	p.tag(tagWearer, l.Wearer.String())
	p.int(fieldBoot, int64(l.Boot))
	p.int(fieldFirst, int64(l.First)) //nolint:gosec // at most schemas.MaxSeq
	p.int(fieldLast, int64(l.Last))   //nolint:gosec // at most schemas.MaxSeq
	p.int(fieldTo, l.To)
	p.end(lateAt(l))
}

// minute appends a rollup, in whole numbers: all sums of readings' times come back bit by
// bit.
func (p *points) minute(r *schemas.Rollup) {
	sitting, standing, moving, notWorn := thousandths(r.Sitting), thousandths(r.Standing), thousandths(r.Moving), thousandths(r.NotWorn)
	upright, slouched, flexion := thousandths(r.Upright), thousandths(r.Slouched), thousandths(r.Flexion)
	p.start(measMinutes)
	p.tag(tagOrg, r.Org.String())
	p.tag(tagWearer, r.Wearer.String())
	for _, f := range []struct {
		name  string
		value int64
	}{
		{fieldSitting, sitting},
		{fieldStanding, standing},
		{fieldMoving, moving},
		{fieldNotWorn, notWorn},
		{fieldUpright, upright},
		{fieldSlouched, slouched},
		{fieldFlexion, flexion},
		{fieldFlexionSum, flexion * (upright + slouched)},
		{fieldBreaks, int64(r.Breaks)},
		{fieldFlexionP95, thousandths(r.FlexionP95)},
		{fieldLeanLeft, thousandths(r.LeanLeft)},
		{fieldLeanRight, thousandths(r.LeanRight)},
		{fieldBent, thousandths(r.Bent)},
		{fieldLoadPeak, thousandths(r.LoadPeak)},
		{fieldShifts, int64(r.Shifts)},
		{fieldBout, thousandths(r.Bout)},
	} {
		p.int(f.name, f.value)
	}
	p.end(minuteAt(r.Minute, sitting+standing+moving+notWorn, upright+slouched))
}

// finding appends a finding, whole, with what its episode is folded from beside it. It
// fails on a number that JSON does not have.
func (p *points) finding(f *schemas.Finding) error {
	body, err := f.Encode()
	if err != nil {
		return err
	}
	rule, ok := word(string(f.Rule))
	p.start(measFindings)
	p.tag(tagOrg, f.Org.String())
	p.tag(tagRule, rule)
	p.tag(tagWearer, f.Wearer.String())
	p.text(fieldEpisode, f.Episode)
	p.text(fieldID, f.ID)
	p.text(fieldStep, string(f.Step))
	p.int(fieldTold, f.Time.UnixMilli())
	if f.Step == schemas.Closed {
		end := f.End
		if end.IsZero() {
			end = f.Time
		}
		p.int(fieldEnded, end.UnixMilli())
	}
	p.int(fieldLevel, int64(f.Level))
	p.int(fieldSeverity, int64(f.Severity))
	p.float(fieldDegrees, f.FlexionDeg)
	p.text(fieldCause, string(f.Cause))
	p.text(fieldOutcome, string(f.Outcome))
	p.float(fieldSeconds, f.Seconds)
	if !ok {
		p.text(fieldRuleText, string(f.Rule))
	}
	p.text(fieldBody, string(body))
	p.end(findingAt(f))
	return nil
}

// decision appends a decision, its time cut to 1 ms, with the sequence it arrived with:
// of those of one ID the last counts.
func (p *points) decision(d schemas.Decision, seq uint64) error {
	d.Time = d.Time.UTC().Truncate(time.Millisecond)
	body, err := d.Encode()
	if err != nil {
		return err
	}
	action, _ := word(string(d.Action))
	p.start(measDecisions)
	p.tag(tagAction, action)
	p.tag(tagOrg, d.Org.String())
	p.tag(tagWearer, d.Wearer.String())
	p.text(fieldID, d.ID)
	p.int(fieldLog, int64(seq)) //nolint:gosec // the log counts to 2^63 at most
	p.text(fieldBody, string(body))
	p.end(decisionAt(&d))
	return nil
}

// word is a text as a tag, and whether it is the text itself: what is no identifier would
// have to be escaped, and could be of any length.
func word(s string) (tag string, ok bool) {
	if _, err := schemas.ParseID(s); err != nil || s == otherWord {
		return otherWord, false
	}
	return s, true
}
