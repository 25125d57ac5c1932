package seriestest

import (
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// person is a wearer of acme's, with a device of their own: a law tries many in one
// store, because a store of its own for each case takes a server long.
type person struct {
	wearer, device schemas.ID
}

// nextPerson is a person nobody knows yet. at is the last sequence that was appended, and goes on by one.
func nextPerson(at *uint64) person {
	*at++
	return person{schemas.MustID(fmt.Sprintf("w%d", *at)), schemas.MustID(fmt.Sprintf("d%d", *at))}
}

func (p person) query() series.Query { return series.Query{Org: acme, Wearer: p.wearer} }

// run is items of a run of their device.
func (p person) run(boot uint32, items ...schemas.Item) schemas.Batch {
	b := run(boot, items...)
	b.Wearer, b.Device = p.wearer, p.device
	return b
}

// late is a mark of theirs.
func (p person) late(boot uint32, first, last uint64) schemas.Late {
	l := late(boot, first, last)
	l.Wearer, l.Device = p.wearer, p.device
	return l
}
