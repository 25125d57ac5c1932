package detect

import (
	"math"
	"time"
)

// Revisions are the timeline's parameters, by the time from which they count. The
// first one counts always, so its From is zero.
func (t *Timeline) Revisions() []Revision {
	list := make([]Revision, len(t.plans))
	for i := range t.plans {
		p := &t.plans[i]
		list[i] = Revision{Version: p.version, Params: p.Params}
		if p.from != math.MinInt64 {
			list[i].From = time.UnixMilli(p.from).UTC()
		}
	}
	return list
}
