package sim_test

import (
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// stage plays an office through the engine, without a broker: what the engine
// finds worth a nudge reaches the wearer at once, as long as it is not stale.
type stage struct {
	t      *testing.T
	office *sim.Office
	live   time.Time
	judges map[*sim.Wearer]*detect.Wearer
	found  map[*sim.Wearer][]schemas.Finding
}

// judgedBy is what the tests judge by.
var judgedBy = detect.Always(detect.Defaults())

func newStage(t *testing.T, seed uint64, now time.Time) *stage {
	t.Helper()
	s := &stage{
		t: t, office: sim.NewOffice(seed, now), live: now.Add(75 * time.Second),
		judges: map[*sim.Wearer]*detect.Wearer{}, found: map[*sim.Wearer][]schemas.Finding{},
	}
	for _, w := range s.office.Wearers {
		s.judges[w] = detect.NewWearer(s.office.Org, w.ID, judgedBy)
	}
	return s
}

func (s *stage) judge(w *sim.Wearer, items []schemas.Item) error {
	var out detect.Output
	s.judges[w].Take(&schemas.Batch{Org: s.office.Org, Wearer: w.ID, Device: w.Device, Boot: w.Boot(), Items: items}, &out)
	s.found[w] = append(s.found[w], out.Findings...)
	if out.LateItems+out.Duplicates+out.Gaps > 0 {
		s.t.Errorf("%s: %d readings late, %d duplicate, %d gaps", w.ID, out.LateItems, out.Duplicates, out.Gaps)
	}
	return nil
}

// play goes from the last of the history to live and on for a time.
func (s *stage) play(on time.Duration) {
	s.t.Helper()
	var recent sim.Emit = func(w *sim.Wearer, items []schemas.Item) error {
		if items[0].At().Before(s.office.Bulk.Add(-6 * time.Hour)) {
			return nil // the days before change nothing
		}
		return s.judge(w, items)
	}
	if err := s.office.History(s.t.Context(), recent); err != nil {
		s.t.Fatal(err)
	}
	if err := s.office.Tail(s.t.Context(), s.live, s.judge); err != nil {
		s.t.Fatal(err)
	}
	var items []schemas.Item
	for now := s.live; now.Before(s.live.Add(on)); now = now.Add(time.Second) {
		for _, w := range s.office.Wearers {
			if w.Offline(now) {
				continue
			}
			spacing := sim.LiveSpacing
			if now.Sub(w.Clock()) > 10*time.Second {
				spacing = sim.HistorySpacing // the buffer of a device that comes back
			}
			items = w.Fill(items[:0], now, spacing, 1000)
			seen := len(s.found[w])
			_ = s.judge(w, items)
			for _, f := range s.found[w][seen:] {
				if f.Level >= 2 && f.Step != schemas.Closed && now.Sub(f.Time) < 2*time.Minute {
					w.React(now, f.Rule)
				}
			}
		}
	}
}

// first is the first finding of a wearer that is so, relative to going live.
func (s *stage) first(w *sim.Wearer, is func(f *schemas.Finding) bool) (at time.Duration, ok bool) {
	for i := range s.found[w] {
		if f := &s.found[w][i]; is(f) {
			return f.Time.Sub(s.live), true
		}
	}
	return 0, false
}

func (s *stage) expect(what string, w *sim.Wearer, from, to time.Duration, is func(f *schemas.Finding) bool) {
	s.t.Helper()
	at, ok := s.first(w, func(f *schemas.Finding) bool { return f.Time.Sub(s.live) >= from && is(f) })
	if !ok || at > to {
		s.t.Errorf("%s (%s) came at L%+v (%v); want it from L%+v to L%+v", what, w.ID, at, ok, from, to)
	}
}

func worth(rule schemas.Rule) func(f *schemas.Finding) bool {
	return func(f *schemas.Finding) bool { return f.Rule == rule && f.Level >= 2 && f.Step != schemas.Closed }
}

func closed(rule schemas.Rule, outcome schemas.Outcome) func(f *schemas.Finding) bool {
	return func(f *schemas.Finding) bool {
		return f.Rule == rule && f.Step == schemas.Closed && f.Outcome == outcome
	}
}

func TestTheScriptComesTrueInTheEngine(t *testing.T) {
	for seed := range uint64(4) {
		s := newStage(t, seed, starts[int(seed)%len(starts)])
		s.play(8 * time.Minute)
		cast := s.office.Script()

		s.expect("the leaner's nudge", cast.Leaner, 10*time.Second, 22*time.Second, worth(schemas.RuleSlouch))
		s.expect("its correction", cast.Leaner, 10*time.Second, 40*time.Second, closed(schemas.RuleSlouch, schemas.Recovered))
		s.expect("the sitter's prompt", cast.Sitter, 25*time.Second, 38*time.Second, worth(schemas.RuleSitting))
		s.expect("the sitter's break", cast.Sitter, 2*time.Minute, 4*time.Minute, closed(schemas.RuleSitting, schemas.Break))
		s.expect("the unprompted break", cast.Riser, 20*time.Second, 33*time.Second, closed(schemas.RuleSitting, schemas.Break))
		s.expect("the slouch in the buffer", cast.Offliner, -30*time.Minute, -25*time.Minute, worth(schemas.RuleSlouch))
		s.expect("the question after the re-wear", cast.Rewearer, 170*time.Second, 3*time.Minute, worth(schemas.RuleCalibration))
		s.expect("its calibration", cast.Rewearer, 3*time.Minute, 6*time.Minute, closed(schemas.RuleCalibration, schemas.Calibrated))

		after := 0
		for _, w := range s.office.Wearers {
			for _, f := range s.found[w] {
				at := f.Time.Sub(s.live)
				if f.Level < 2 || f.Step == schemas.Closed || at < -3*time.Minute {
					continue
				}
				if scripted := w == cast.Leaner || w == cast.Sitter; at < time.Minute && !scripted {
					t.Errorf("seed %d: %s, %s, has a %s of level %d at L%+v", seed, w.ID, w.Habit, f.Rule, f.Level, at)
				} else if at >= time.Minute {
					after++
				}
			}
		}
		if after < 4 || after > 24 {
			t.Errorf("seed %d: %d nudges in the seven minutes after the script, one or two a minute are meant", seed, after)
		}
		t.Logf("seed %d: %d nudges in the seven minutes after the script", seed, after)
	}
}
