package influx

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// moved is how far apart, in milliseconds, the times of two decisions of one ID may be
// and the earlier one still be known to be overruled.
const moved = openMillis

// decided is a decision's point.
type decided struct {
	nanos int64
	id    string
	log   int64
	body  string
	got   got
}

// Decisions reads what was decided in the range and about it: of those of one ID that
// counts which arrived last, wherever it lies.
func (s *Store) Decisions(ctx context.Context, q series.Query) ([]schemas.Decision, error) {
	sc, some, err := scopeOf(q)
	if err != nil || !some {
		return nil, wrap("read decisions", err)
	}
	type key struct {
		action string
		nanos  int64
	}
	points := map[key]*decided{}
	f := new(flux).from(s.bucket(bucketEvents), at(max(sc.from-moved, 0), 0), at(sc.to+moved, 0),
		measurement(measDecisions), sc.whose(), fields(decisionFields()...)).keep(colTime, colValue, colField, tagAction)
	err = s.query(ctx, f, func(r *row) error {
		k := key{r.text(tagAction), r.time(colTime)}
		d := points[k]
		if d == nil {
			k.action = strings.Clone(k.action)
			d = &decided{nanos: k.nanos}
			points[k] = d
		}
		if !d.got.first(decisionFields(), r.text(colField)) {
			return nil
		}
		switch r.text(colField) {
		case fieldID:
			d.id = strings.Clone(r.text(colValue))
		case fieldLog:
			d.log = r.int(colValue)
		default:
			d.body = strings.Clone(r.text(colValue))
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read decisions", err)
	}
	last := map[string]*decided{}
	for _, d := range points {
		if d.got.all(decisionFields()) && (last[d.id] == nil || d.after(last[d.id])) {
			last[d.id] = d
		}
	}
	decisions, err := sc.decisions(last)
	return decisions, wrap("read decisions", err)
}

// decisionFields are those that each decision has.
func decisionFields() []string { return []string{fieldID, fieldLog, fieldBody} }

// after reports whether a decision counts in place of another one of its ID.
func (d *decided) after(other *decided) bool {
	return cmp.Or(cmp.Compare(d.log, other.log), cmp.Compare(d.nanos, other.nanos), cmp.Compare(d.body, other.body)) > 0
}

// decisions are those of the range, by time and ID.
func (sc scope) decisions(all map[string]*decided) ([]schemas.Decision, error) {
	var decisions []schemas.Decision
	for _, d := range all {
		if ms, _ := split(d.nanos); ms < sc.from || ms >= sc.to {
			continue
		}
		var decision schemas.Decision
		if err := json.Unmarshal([]byte(d.body), &decision); err != nil {
			return nil, fmt.Errorf("decision %q: %w", d.id, err)
		}
		decisions = append(decisions, decision)
	}
	slices.SortFunc(decisions, func(x, y schemas.Decision) int { return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.ID, y.ID)) })
	return decisions, nil
}
