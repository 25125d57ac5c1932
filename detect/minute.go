package detect

import "sitwell/schemas"

const minuteMS = 60_000

// The open minute's histogram of flexion: a bin of one degree each from where
// leaning back begins.
const (
	bins     = 100
	binStart = -10 // degrees
	percent  = 0.95
	bentFrom = 600 // tenths of a degree: trunk flexion of 60 (Hoogendoorn 2000) [S]
	leanFrom = 100 // tenths of a degree: the lateral band of ISO 11226 [S]
)

// minute sums the minute that is open, in ms, so that sums are exact in any order.
type minute struct {
	Minute   int64 // minutes since 1970, UTC
	Bent     int64 // sum of flexion in tenths of a degree times ms, over Upright and Slouched
	Sitting  int32
	Standing int32
	Moving   int32
	NotWorn  int32
	Upright  int32
	Slouched int32
	Left     int32
	Right    int32
	Deep     int32 // bent by bentFrom and more
	Longest  span  // the bout at its longest
	Peak     float32
	Breaks   uint8
	Shifts   uint8
	Fresh    bool         // changed since the last rollup
	Hist     [bins]uint16 // ms of each degree
	Window   window
}

// step adds an interval, split at the minutes it crosses, and leaves the minute
// of its end open.
func (m *minute) step(iv *interval, pr *proof) {
	p := pr.w.plan
	from := iv.from
	switch {
	case iv.held:
	case iv.bridged(p.bridgeMax):
		from = max(from, iv.to-iv.counted)
	default:
		from = iv.to
	}
	for from < iv.to {
		m.open(from/minuteMS, pr)
		end := min(iv.to, (m.Minute+1)*minuteMS)
		if iv.held {
			m.add(&iv.before, int32(end-from), p) //nolint:gosec // at most a minute
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
func (m *minute) add(s *sample, ms int32, p *plan) {
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
	if s.judged() && s.Flexion >= p.leanBack {
		m.judge(s, ms, p)
	}
}

// judge counts ms of a judged posture.
func (m *minute) judge(s *sample, ms int32, p *plan) {
	if s.slouches(p) {
		m.Slouched += ms
	} else {
		m.Upright += ms
	}
	m.Bent += int64(s.Flexion) * int64(ms)
	bin := min(max(int(s.Flexion)-binStart*10, 0)/10, bins-1)
	m.Hist[bin] += uint16(ms) //nolint:gosec // a minute fits
	switch side := s.sideways(p); {
	case side > leanFrom:
		m.Right += ms
	case side < -leanFrom:
		m.Left += ms
	}
	if s.Flexion >= bentFrom {
		m.Deep += ms
	}
}

// note keeps the peaks after a reading.
func (m *minute) note(r *rules) {
	m.Peak = max(m.Peak, float32(r.Load.budget()))
	if r.Bout.On {
		m.Longest = max(m.Longest, r.Bout.Len)
	}
}

// rest counts a break in the minute in which it is known, shift a posture shift.
func (m *minute) rest()  { m.Breaks, m.Fresh = m.Breaks+1, true }
func (m *minute) shift() { m.Shifts, m.Fresh = m.Shifts+1, true }

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
	return m.Sitting|m.Standing|m.Moving|m.NotWorn|m.Upright|m.Slouched == 0 && m.Breaks|m.Shifts == 0
}

func (m *minute) rollup(w *Wearer) schemas.Rollup {
	s := func(ms int32) float32 { return float32(ms) / 1000 }
	r := schemas.Rollup{
		Org: w.org, Wearer: w.wearer, Minute: m.Minute,
		Sitting: s(m.Sitting), Standing: s(m.Standing), Moving: s(m.Moving), NotWorn: s(m.NotWorn),
		Upright: s(m.Upright), Slouched: s(m.Slouched), LeanLeft: s(m.Left), LeanRight: s(m.Right), Bent: s(m.Deep),
		Breaks: int(m.Breaks), Shifts: int(m.Shifts), LoadPeak: float32(thousandth(float64(m.Peak))),
		Bout: float32(float64(m.Longest) / 1000),
	}
	if judged := m.Upright + m.Slouched; judged > 0 {
		r.Flexion = float32(float64(m.Bent) / float64(judged) / 10)
		r.FlexionP95 = float32(m.quantile(percent * float64(judged)))
	}
	return r
}

// quantile is the flexion in degrees under which the given ms of judged time lie:
// the middle of its bin.
func (m *minute) quantile(ms float64) float64 {
	for i, n := range m.Hist {
		if ms -= float64(n); ms <= 0 {
			return float64(i+binStart) + 0.5
		}
	}
	return bins + binStart
}
