package series

import "sitwell/schemas"

// Living is a batch without what is of before a wearer's erasure, and how much that was.
// before gives the time up to which somebody is erased, in milliseconds since 1970, one
// that nothing is before for those who are not. A reading is as old as its time, a late
// mark as the end of what it covers, a rollup, a finding and a decision as their start.
// What it leaves is in memory of its own where something was dropped.
func Living(b *Batch, before func(org, wearer schemas.ID) int64) (kept Batch, erased int) {
	kept = *b
	kept.Readings = livingReadings(b.Readings, before, &erased)
	kept.Late = Keep(b.Late, &erased, func(l *schemas.Late) bool { return l.To >= before(l.Org, l.Wearer) })
	kept.Rollups = Keep(b.Rollups, &erased, func(r *schemas.Rollup) bool { return r.Minute*60_000 >= before(r.Org, r.Wearer) })
	kept.Findings = Keep(b.Findings, &erased, func(f *schemas.Finding) bool { return f.Start.UnixMilli() >= before(f.Org, f.Wearer) })
	kept.Decisions = Keep(b.Decisions, &erased, func(d *schemas.Decision) bool { return d.Time.UnixMilli() >= before(d.Org, d.Wearer) })
	return kept, erased
}

func livingReadings(batches []schemas.Batch, before func(org, wearer schemas.ID) int64, erased *int) []schemas.Batch {
	kept := make([]schemas.Batch, 0, len(batches))
	for _, b := range batches {
		from := before(b.Org, b.Wearer)
		b.Items = Keep(b.Items, erased, func(item *schemas.Item) bool { return item.Time >= from })
		if len(b.Items) > 0 {
			kept = append(kept, b)
		}
	}
	return kept
}

// Keep is the part of all for which ok holds, all itself where that is everything. It
// counts what it drops.
func Keep[T any](all []T, dropped *int, ok func(*T) bool) []T {
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
