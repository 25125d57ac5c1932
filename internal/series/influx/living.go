package influx

import "sitwell/internal/series"

// living is a batch without what is of erased wearers, and how much that was.
func (st *state) living(b *series.Batch) (kept series.Batch, erased int) {
	if len(st.before) == 0 {
		return *b, 0
	}
	return series.Living(b, st.erasedBefore)
}
