package influx

import (
	"context"
	"errors"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// The bounds of one request, and of how many are under way: what a wearer has goes
// through one lane, in the order of the batch, so that of two points of one place the
// last counts.
const (
	laneCount      = 2
	maxPoints      = 10_000
	maxPointsBytes = 4 << 20
)

// what a point is.
type what uint8

const (
	whatReading what = iota
	whatLate
	whatMinute
	whatFinding
	whatDecision
)

// ref says which thing of a batch a point is.
type ref struct {
	what
	at, item int32 // the index in the batch's list, and of readings that of the item
}

// sheet are points on the way to a bucket.
type sheet struct {
	bucket
	*points
	refs []ref
}

// lane writes a part of each append: one request at a time. It belongs to whoever holds
// the store's writes.
type lane struct {
	store            *Store
	batch            *series.Batch
	sheets           [3]sheet
	refused, expired int
	tooMany          bool // what it takes is of names above the cap, and is refused
}

func newLane(s *Store) *lane {
	l := &lane{store: s}
	for i, b := range []bucket{bucketRaw, bucketRollups, bucketEvents} {
		l.sheets[i] = sheet{bucket: b, points: newPoints()}
	}
	return l
}

// The sheets of a lane.
func (l *lane) raw() *sheet     { return &l.sheets[0] }
func (l *lane) rollups() *sheet { return &l.sheets[1] }
func (l *lane) events() *sheet  { return &l.sheets[2] }

func (l *lane) reset() {
	l.batch, l.refused, l.expired, l.tooMany = nil, 0, 0, false
	for i := range l.sheets {
		l.sheets[i].clear()
	}
}

func (sh *sheet) clear() {
	sh.reset()
	sh.refs = sh.refs[:0]
}

// take writes what a batch has of the wearers whose lane it is, of n lanes.
func (l *lane) take(ctx context.Context, b *series.Batch, lane, n int) error {
	l.batch = b
	mine := func(org, wearer schemas.ID) bool { return n == 1 || schemas.Partition(org, wearer, n) == lane }
	for i := range b.Readings {
		if r := &b.Readings[i]; mine(r.Org, r.Wearer) {
			if err := l.takeReadings(ctx, i); err != nil {
				return err
			}
		}
	}
	for i := range b.Late {
		if m := &b.Late[i]; mine(m.Org, m.Wearer) {
			l.raw().late(m)
			if err := l.taken(ctx, l.raw(), ref{what: whatLate, at: int32(i)}); err != nil {
				return err
			}
		}
	}
	if err := l.takeDerived(ctx, mine); err != nil {
		return err
	}
	for i := range l.sheets {
		if err := l.flush(ctx, &l.sheets[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) takeReadings(ctx context.Context, i int) error {
	b, sh := &l.batch.Readings[i], l.raw()
	for j := range b.Items {
		if err := sh.item(b, &b.Items[j]); err != nil {
			return err
		}
		if err := l.taken(ctx, sh, ref{whatReading, int32(i), int32(j)}); err != nil { //nolint:gosec // a batch has not so many
			return err
		}
	}
	return nil
}

func (l *lane) takeDerived(ctx context.Context, mine func(org, wearer schemas.ID) bool) error {
	b := l.batch
	for i := range b.Rollups {
		if r := &b.Rollups[i]; mine(r.Org, r.Wearer) {
			l.rollups().minute(r)
			if err := l.taken(ctx, l.rollups(), ref{what: whatMinute, at: int32(i)}); err != nil {
				return err
			}
		}
	}
	for i := range b.Findings {
		if f := &b.Findings[i]; mine(f.Org, f.Wearer) {
			if err := l.events().finding(f); err != nil {
				return err
			}
			if err := l.taken(ctx, l.events(), ref{what: whatFinding, at: int32(i)}); err != nil {
				return err
			}
		}
	}
	for i := range b.Decisions {
		if d := &b.Decisions[i]; mine(d.Org, d.Wearer) {
			if err := l.events().decision(*d, b.Seq); err != nil {
				return err
			}
			if err := l.taken(ctx, l.events(), ref{what: whatDecision, at: int32(i)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// taken notes what the last point of a sheet is, and sends the sheet when it is full.
func (l *lane) taken(ctx context.Context, sh *sheet, r ref) error {
	sh.refs = append(sh.refs, r)
	if sh.len() >= maxPoints || len(sh.bytes()) >= maxPointsBytes {
		return l.flush(ctx, sh)
	}
	return nil
}

// flush sends all of a sheet.
func (l *lane) flush(ctx context.Context, sh *sheet) error {
	if sh.len() == 0 {
		return nil
	}
	defer sh.clear()
	if l.tooMany {
		return l.refuse(ctx, sh, 0, sh.len(), tooManyNames)
	}
	return l.send(ctx, sh, 0, sh.len())
}

// send writes the points from i to j. Where the server refuses some of them, it halves
// what it sends until those it refuses are found: each goes to Options.Refuse, and the
// others are stored. Points that are all refused for one reason need no halving.
func (l *lane) send(ctx context.Context, sh *sheet, i, j int) error {
	err := l.store.write(ctx, sh.bucket, sh.part(i, j))
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok || !e.rejected():
		return err
	case j-i > 1 && e.dropped() < j-i:
		half := (i + j) / 2
		if err := l.send(ctx, sh, i, half); err != nil {
			return err
		}
		return l.send(ctx, sh, half, j)
	case e.expired():
		l.expired += j - i
		return nil
	}
	return l.refuse(ctx, sh, i, j, clip(e.Message))
}
