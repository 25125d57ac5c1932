package detect

import "sitwell/schemas"

const minuteMS = 60_000

// minute sums the minute that is open, in ms, so that sums are exact in any order.
type minute struct {
	Minute   int64   `cbor:"1,keyasint,omitempty"` // minutes since 1970, UTC
	Sitting  int32   `cbor:"2,keyasint,omitempty"`
	Standing int32   `cbor:"3,keyasint,omitempty"`
	Moving   int32   `cbor:"4,keyasint,omitempty"`
	NotWorn  int32   `cbor:"5,keyasint,omitempty"`
	Upright  int32   `cbor:"6,keyasint,omitempty"`
	Slouched int32   `cbor:"7,keyasint,omitempty"`
	Bent     float64 `cbor:"8,keyasint,omitempty"` // sum of flexion times ms, over Upright and Slouched
	Breaks   int32   `cbor:"9,keyasint,omitempty"`
	Fresh    bool    `cbor:"10,keyasint,omitempty"` // changed since the last rollup
}

// step adds an interval, split at the minutes it crosses, and leaves the minute
// of its end open.
func (m *minute) step(iv *interval, pr *proof) {
	p := pr.w.p
	from := iv.from
	switch {
	case iv.held:
	case iv.counted(p.BridgeMax.Milliseconds()):
		from = max(from, iv.to-int64(iv.after.SittingS)*1000)
	default:
		from = iv.to
	}
	for from < iv.to {
		m.open(from/minuteMS, pr)
		end := min(iv.to, (m.Minute+1)*minuteMS)
		if iv.held {
			m.add(iv.before, int32(end-from), p) //nolint:gosec // at most a minute
		} else {
			m.Sitting += int32(end - from) //nolint:gosec // at most a minute
		}
		m.Fresh = true
		from = end
	}
	m.open(iv.to/minuteMS, pr)
}

// add counts ms of one sample. Time off the seat of which motion is unknown
// counts as standing; time of which nothing is known counts nowhere.
func (m *minute) add(s *sample, ms int32, p *Params) {
	switch {
	case !s.Is.has(worn):
		m.NotWorn += ms
	case s.sits():
		m.Sitting += ms
	case s.moves():
		m.Moving += ms
	case s.Is.has(sittingKnown):
		m.Standing += ms
	}
	if !s.judged() || s.Flexion < p.LeanBackDeg {
		return
	}
	if s.Flexion >= p.SlouchDeg {
		m.Slouched += ms
	} else {
		m.Upright += ms
	}
	m.Bent += s.Flexion * float64(ms)
}

// rest counts a break in the minute in which it is known.
func (m *minute) rest() {
	m.Breaks++
	m.Fresh = true
}

// open makes n the open minute and gives out the one before, if it holds anything.
func (m *minute) open(n int64, pr *proof) {
	if n == m.Minute {
		return
	}
	if !m.empty() {
		pr.out.Rollups = append(pr.out.Rollups, m.rollup(pr.w))
	}
	*m = minute{Minute: n}
}

// empty reports whether the minute holds nothing.
func (m *minute) empty() bool {
	return m.Sitting|m.Standing|m.Moving|m.NotWorn|m.Upright|m.Slouched|m.Breaks == 0
}

func (m *minute) rollup(w *Wearer) schemas.Rollup {
	r := schemas.Rollup{
		Org: w.org, Wearer: w.wearer, Minute: m.Minute,
		Sitting: float32(m.Sitting) / 1000, Standing: float32(m.Standing) / 1000,
		Moving: float32(m.Moving) / 1000, NotWorn: float32(m.NotWorn) / 1000,
		Upright: float32(m.Upright) / 1000, Slouched: float32(m.Slouched) / 1000,
		Breaks: int(m.Breaks),
	}
	if judged := m.Upright + m.Slouched; judged > 0 {
		r.Flexion = float32(m.Bent / float64(judged))
	}
	return r
}
