package ledger_test

import (
	"context"
	"slices"
	"testing"

	"sitwell/internal/ledger"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// liar is a source that gives another answer than the API does.
type liar struct {
	ledger.Source

	readings func(q series.Query, each func(series.Reading) error) error // more of them
	nudges   func([]ledger.Nudge) []ledger.Nudge
}

func (l *liar) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	if err := l.Source.Readings(ctx, q, each); err != nil || l.readings == nil {
		return err
	}
	return l.readings(q, each)
}

func (l *liar) Nudges(ctx context.Context, q series.Query) ([]ledger.Nudge, error) {
	list, err := l.Source.Nudges(ctx, q)
	if l.nudges != nil {
		list = l.nudges(list)
	}
	return list, err
}

// lied checks that the ledger notices lies, each of which makes one kind wrong.
func (w *world) lied(t *testing.T, truth *ledger.Report) {
	t.Helper()
	api := ledger.API(w.HTTP())
	one, other := w.office.Wearers[0], w.office.Wearers[1]
	// as is a decision of the first that was held, as if it had been another.
	as := func(change func(n *ledger.Nudge)) func([]ledger.Nudge) []ledger.Nudge {
		return func(list []ledger.Nudge) []ledger.Nudge {
			i := slices.IndexFunc(list, func(n ledger.Nudge) bool { return n.Status == schemas.ActionHeld })
			if i < 0 {
				return list
			}
			n := list[i]
			change(&n)
			list[i].Status = schemas.ActionSent
			n.Status = schemas.ActionAmbiguous
			return append(list, n)
		}
	}
	for name, lie := range map[string]struct {
		liar
		count func(*ledger.Report) int64
		exact int64 // 0 is one or more
	}{
		"the readings of one are stored for another, too": {
			liar{readings: func(q series.Query, each func(series.Reading) error) error {
				if q.Wearer != other.ID {
					return nil
				}
				q.Wearer = one.ID
				return api.Readings(t.Context(), q, each)
			}},
			func(r *ledger.Report) int64 { return r.Misplaced }, 0,
		},
		"nothing was decided": {
			liar{nudges: func([]ledger.Nudge) []ledger.Nudge { return nil }},
			func(r *ledger.Report) int64 { return r.Undecided }, int64(truth.Asked),
		},
		"one level of an episode, twice": {
			liar{nudges: as(func(n *ledger.Nudge) { n.ID += "-again" })},
			func(r *ledger.Report) int64 { return r.Repeated }, 0,
		},
		"an episode that is not": {
			liar{nudges: as(func(n *ledger.Nudge) { n.ID, n.Episode = "never-2", "never" })},
			func(r *ledger.Report) int64 { return r.Baseless }, 0,
		},
		"a level that it did not come to": {
			liar{nudges: as(func(n *ledger.Nudge) { n.ID, n.Level = n.Episode+"-9", 9 })},
			func(r *ledger.Report) int64 { return r.Baseless }, 0,
		},
	} {
		lie.Source = api
		r, err := w.Check(t.Context(), &lie.liar)
		must(t, err)
		n := lie.count(&r)
		if n == 0 || (lie.exact > 0 && n != lie.exact) || r.Err() == nil {
			t.Errorf("%s: it finds %d (of %d), %v", name, n, lie.exact, r.Err())
		}
		if all := r.Misplaced + r.Undecided + r.Repeated + r.Baseless; all != n {
			t.Errorf("%s: it finds %+v", name, r)
		}
	}
}

var _ ledger.Source = (*liar)(nil)
