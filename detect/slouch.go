package detect

import "sitwell/schemas"

// slouch is rule R1: leaning or slouching forward for long. Dwell is the time
// at SlouchDeg and above; between UprightDeg and that it stands still; under
// UprightDeg, or moving, for SlouchClear clears it.
type slouch struct {
	Start int64   `cbor:"1,keyasint,omitempty"` // event time of the first reading of the dwell, ms
	Dwell int64   `cbor:"2,keyasint,omitempty"` // ms
	Bent  float64 `cbor:"3,keyasint,omitempty"` // sum of flexion times ms over the dwell
	// The stretch of recovery under way: when it began, how long it is, and
	// how much of it was moving, in ms.
	ClearFrom int64 `cbor:"4,keyasint,omitempty"`
	Clear     int32 `cbor:"5,keyasint,omitempty"`
	Moved     int32 `cbor:"6,keyasint,omitempty"`
	Blind     blind `cbor:"7,keyasint,omitempty"`
	Level     int8  `cbor:"8,keyasint,omitempty"` // 0 is no episode
}

func (s *slouch) step(iv *interval, pr *proof) {
	p := pr.w.p
	dark, over := s.Blind.step(iv, iv.before.tellsPosture(), p.GapEnds.Milliseconds())
	switch {
	case over:
		s.end(schemas.Unknown, s.Blind.From, pr)
	case dark:
	case iv.before.moves():
		s.recover(iv, true, pr)
	case iv.before.Flexion >= p.SlouchDeg:
		s.bend(iv, pr)
	case iv.before.Flexion < p.UprightDeg:
		s.recover(iv, false, pr)
	default:
		s.Clear, s.Moved = 0, 0
	}
	if iv.after.tellsPosture() {
		s.Blind.From = 0
	}
}

// bend adds an interval of slouching.
func (s *slouch) bend(iv *interval, pr *proof) {
	if s.Dwell == 0 {
		s.Start = iv.from
	}
	s.Clear, s.Moved = 0, 0
	s.Dwell += iv.ms
	s.Bent += iv.before.Flexion * float64(iv.ms)
	if s.Level == 0 && s.Dwell >= pr.w.p.SlouchOpen.Milliseconds() {
		s.Level = 1
		pr.find(schemas.Opened, s.finding())
	}
	if s.Level == 1 && s.Dwell >= pr.w.p.SlouchNudge.Milliseconds() {
		s.Level = 2
		pr.find(schemas.Escalated, s.finding())
	}
}

// recover adds an interval of upright posture, of leaning back, or of moving.
func (s *slouch) recover(iv *interval, moved bool, pr *proof) {
	if s.Dwell == 0 {
		return
	}
	if s.Clear == 0 {
		s.ClearFrom = iv.from
	}
	s.Clear += int32(iv.ms) //nolint:gosec // an interval that is held, at most a day
	if moved {
		s.Moved += int32(iv.ms) //nolint:gosec // as above
	}
	if int64(s.Clear) < pr.w.p.SlouchClear.Milliseconds() {
		return
	}
	outcome := schemas.Recovered
	if s.Moved > s.Clear-s.Moved {
		outcome = schemas.Moved
	}
	s.end(outcome, s.ClearFrom, pr)
}

// end forgets the dwell and closes the episode, if it had become one.
func (s *slouch) end(outcome schemas.Outcome, at int64, pr *proof) {
	if s.Level > 0 {
		f := s.finding()
		f.Outcome, f.End = outcome, eventTime(at)
		pr.find(schemas.Closed, f)
	}
	*s = slouch{Blind: s.Blind}
}

func (s *slouch) finding() schemas.Finding {
	return schemas.Finding{
		Rule: schemas.RuleSlouch, Level: int(s.Level), Start: eventTime(s.Start),
		Seconds: seconds(s.Dwell), FlexionDeg: tenth(s.Bent / float64(s.Dwell)),
	}
}
