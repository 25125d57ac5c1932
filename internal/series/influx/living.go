package influx

import (
	"sitwell/internal/series"
	"sitwell/schemas"
)

// living is a batch without what is of erased wearers, and how much that was. What it
// leaves is in memory of its own where something was dropped.
func (st *state) living(b *series.Batch) (kept series.Batch, erased int) {
	kept = *b
	if len(st.before) == 0 {
		return kept, 0
	}
	kept.Readings = st.livingReadings(b.Readings, &erased)
	kept.Late = keep(b.Late, &erased, func(l *schemas.Late) bool { return l.To >= st.erasedBefore(l.Org, l.Wearer) })
	kept.Rollups = keep(b.Rollups, &erased, func(r *schemas.Rollup) bool { return r.Minute*millisInMin >= st.erasedBefore(r.Org, r.Wearer) })
	kept.Findings = keep(b.Findings, &erased, func(f *schemas.Finding) bool { return f.Start.UnixMilli() >= st.erasedBefore(f.Org, f.Wearer) })
	kept.Decisions = keep(b.Decisions, &erased, func(d *schemas.Decision) bool { return d.Time.UnixMilli() >= st.erasedBefore(d.Org, d.Wearer) })
	return kept, erased
}

func (st *state) livingReadings(batches []schemas.Batch, erased *int) []schemas.Batch {
	kept := make([]schemas.Batch, 0, len(batches))
	for i := range batches {
		b := batches[i]
		before := st.erasedBefore(b.Org, b.Wearer)
		b.Items = keep(b.Items, erased, func(item *schemas.Item) bool { return item.Time >= before })
		if len(b.Items) > 0 {
			kept = append(kept, b)
		}
	}
	return kept
}

// keep is the part of all for which ok holds; all itself where that is everything.
func keep[T any](all []T, dropped *int, ok func(*T) bool) []T {
	for i := range all {
		if ok(&all[i]) {
			continue
		}
		kept := append([]T(nil), all[:i]...)
		*dropped++
		for j := i + 1; j < len(all); j++ {
			if ok(&all[j]) {
				kept = append(kept, all[j])
			} else {
				*dropped++
			}
		}
		return kept
	}
	return all
}
