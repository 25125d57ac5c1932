package detect

import "sitwell/schemas"

// Maximum holding times of ISO 11226 for an inclined trunk without support: 4 min
// at 20 degrees, falling by 4.5 s a degree to 1 min at 60. [S] Over 60 degrees,
// where the standard accepts none, half a minute stands in. [D] Recovery takes
// three times the hold. [S]
const (
	holdFrom     = 200 // tenths of a degree
	holdFar      = 600
	holdAtZero   = 330_000 // ms, where the line meets 0 degrees
	holdPerTenth = 450     // ms
	holdFarMS    = 30_000
	recoverTimes = 3
	// holdFull is 1 less what adding many fractions may lose.
	holdFull = 1 - 1e-4
)

// holdLimit is the time in ms for which a flexion in tenths of a degree may be held.
func holdLimit(flexion int16) int64 {
	if flexion > holdFar {
		return holdFarMS
	}
	return holdAtZero - holdPerTenth*int64(flexion)
}

// hold is rule R3, static holding, a second opinion beside the slouch: H is the
// share of the holding time that is used up. It asks for nothing itself.
type hold struct {
	H     float32
	Start stamp // of the hold: when H was last 0
	Last  int16 // the flexion held last, tenths of a degree
	Open  bool
}

func (h *hold) full() bool { return h.H >= holdFull }

func (h *hold) step(iv *interval, pr *proof) {
	ms := iv.ms
	switch iv.posture {
	case frozen:
		return
	case lost:
		ms = iv.to - iv.postureSince
	case dark, seen:
	}
	if iv.posture == seen && iv.before.judged() && iv.before.Flexion >= holdFrom {
		h.bear(iv, pr)
		return
	}
	if h.H > 0 {
		h.rest(iv, ms, pr)
	}
}

func (h *hold) bear(iv *interval, pr *proof) {
	if h.H == 0 {
		h.Start = stampOf(iv.from)
	}
	h.Last = iv.before.Flexion
	h.H = min(h.H+float32(iv.ms)/float32(holdLimit(h.Last)), 1)
	if h.full() && !h.Open {
		h.Open = true
		pr.find(schemas.Opened, h.finding(iv))
	}
}

func (h *hold) rest(iv *interval, ms int64, pr *proof) {
	h.H -= float32(ms) / float32(recoverTimes*holdLimit(h.Last))
	if h.H > 1-holdFull {
		return
	}
	h.H = 0
	if h.Open {
		h.Open = false
		f := h.finding(iv)
		f.relieve(iv)
		pr.find(schemas.Closed, f)
	}
}

func (h *hold) finding(iv *interval) found {
	start := iv.time(h.Start)
	return found{
		rule: schemas.RuleHold, level: 1, severity: schemas.Mild, start: start, ms: iv.to - start,
		values: []value{
			{"hold", thousandth(float64(h.H))}, {"flexion_deg", float64(h.Last) / 10}, {"holding_time_s", seconds(holdLimit(h.Last))},
		},
	}
}
