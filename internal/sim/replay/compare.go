package replay

import (
	"context"
	"fmt"
	"math"

	"sitwell/detect"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// compare waits for the pipeline and holds what it made against the labels.
func (r *replayer) compare(ctx context.Context, run *run) (File, error) {
	m, err := r.through(ctx, run)
	if err != nil {
		return File{}, err
	}
	f := File{
		Name: run.rec.Name, Kind: run.rec.Kind, Wearer: run.id, Rows: len(run.rec.Rows), Dropped: run.rec.Dropped,
		From: run.base.UTC(), To: run.end.UTC(), Seconds: run.rec.Duration().Seconds(), Notes: run.rec.Notes,
		Episodes: len(m.episodes), Nudges: []Nudge{},
	}
	if f.Judged, err = r.movement(ctx, run, &f.Movement); err != nil {
		return f, err
	}
	f.Seated = seated(run.rec, m.rollups)
	for _, n := range m.nudges {
		if n.Level < 2 {
			continue
		}
		f.Nudges = append(f.Nudges, Nudge{Rule: n.Rule, Level: n.Level, Time: n.Time, Action: n.Status, HeldBy: n.HeldBy, Why: n.Why})
	}
	if f.Seconds > 0 {
		f.NudgesPerHour = float64(len(f.Nudges)) / f.Seconds * 3600
	}
	return f, nil
}

// movement compares row by row, by sequence, what the engine saw with the labels.
func (r *replayer) movement(ctx context.Context, run *run, m *Movement) (judged int, err error) {
	from, to := run.span()
	seen := make([]bool, len(run.items))
	err = poll(ctx, func() (bool, error) {
		judged, *m = 0, Movement{}
		clear(seen)
		return true, r.api.postures(ctx, run.id, from, to, func(p *detect.Posture) error {
			row := run.rec.Row(p.Seq)
			if row == nil { // an event has a posture of its own, and no label
				return nil
			}
			if seen[p.Seq] {
				return fmt.Errorf("seq %d came twice", p.Seq)
			}
			seen[p.Seq] = true
			judged++
			m.count(row, p)
			return nil
		})
	})
	if err == nil && judged != len(run.rec.Rows) {
		m.Missing = len(run.rec.Rows) - judged
	}
	return judged, err
}

func (m *Movement) count(row *recording.Row, p *detect.Posture) {
	moves, known := row.Moving()
	switch {
	case !known:
	case !p.MotionKnown:
		m.Unknown++
	case moves && p.Moving:
		m.MovingSeen++
	case moves:
		m.MovingMissed++
	case p.Moving:
		m.StillMissed++
	default:
		m.StillSeen++
	}
}

// seated holds the rollups' time against the labels'.
func seated(rec *recording.Recording, rollups []schemas.Rollup) Seated {
	a := rec.Account(detect.Defaults().Hold)
	s := Seated{LabelsS: a.Seated.Seconds(), UnlabelledS: a.NoLabel.Seconds(), GapsS: a.Gaps.Seconds(), LongestGapS: a.Longest.Seconds()}
	known := 0.0
	for i := range rollups {
		o := &rollups[i]
		s.PipelineS += float64(o.Sitting)
		known += float64(o.Sitting) + float64(o.Standing) + float64(o.Moving) + float64(o.NotWorn)
	}
	s.PipelineS = toMS(s.PipelineS)
	s.UnknownS = toMS(rec.Duration().Seconds() - known)
	if s.LabelsS > 0 {
		s.ErrorPct = toMS(100 * (s.PipelineS - s.LabelsS) / s.LabelsS)
	}
	return s
}

// toMS rounds away what adding up rollups leaves behind, and the sign of a zero.
func toMS(s float64) float64 { return math.Round(s*1000)/1000 + 0 }
