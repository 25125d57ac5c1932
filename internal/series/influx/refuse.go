package influx

import (
	"context"
	"fmt"
	"time"

	"sitwell/schemas"
)

// maxRefused is how many readings one Refused has at most: as a message of a device they
// have to be within its limits.
const maxRefused = 100

// Refused is something that is not stored, because the server takes it under no
// circumstances: it does not fit the type that a field has there, or there are too
// many wearers and devices already.
type Refused struct {
	Org, Wearer, Device schemas.ID // Device is zero for what is of none
	// What it is: "readings", "events", "late", "minutes", "findings" or "decisions".
	What  string
	Count int // how many of them
	// Received is when ingest got them, in milliseconds, 0 where it is not known.
	Received int64
	Detail   string // why, in the server's words; it may name the wearer
	// Topic is where a device published it, "" for what no device did.
	Topic string
	// Payload is the message of readings or events as a device publishes it, so that it
	// can be driven through ingest again; else the point in line protocol.
	Payload []byte
}

// refuse hands over the points from i to j, those of one message of a device together.
func (l *lane) refuse(ctx context.Context, sh *sheet, i, j int, detail string) error {
	for i < j {
		n := l.alike(sh, i, j)
		r := l.refusedOf(sh, i, i+n)
		r.Detail, r.Count = detail, n
		if err := l.store.refuse(ctx, r); err != nil {
			return fmt.Errorf("hand over what InfluxDB refuses: %w", err)
		}
		l.refused += n
		i += n
	}
	return nil
}

func (s *Store) refuse(ctx context.Context, r Refused) error {
	if s.o.Refuse == nil {
		return nil
	}
	s.refuses.Lock()
	defer s.refuses.Unlock()
	return s.o.Refuse(ctx, r)
}

// alike is how many points from i on are of one message, and of one kind.
func (l *lane) alike(sh *sheet, i, j int) int {
	first := sh.refs[i]
	if first.what != whatReading {
		return 1
	}
	n := 1
	for i+n < j && n < maxRefused && sh.refs[i+n].what == whatReading && sh.refs[i+n].at == first.at && l.isEvent(sh.refs[i+n]) == l.isEvent(first) {
		n++
	}
	return n
}

func (l *lane) isEvent(r ref) bool { return l.batch.Readings[r.at].Items[r.item].Event != nil }

// refusedOf is what the points from i to j are.
func (l *lane) refusedOf(sh *sheet, i, j int) Refused {
	r := Refused{Payload: append([]byte(nil), sh.part(i, j)...)}
	first := sh.refs[i]
	switch b := l.batch; first.what {
	case whatReading:
		return l.refusedItems(sh.refs[i:j])
	case whatLate:
		m := &b.Late[first.at]
		r.What, r.Org, r.Wearer, r.Device = measLate, m.Org, m.Wearer, m.Device
	case whatMinute:
		m := &b.Rollups[first.at]
		r.What, r.Org, r.Wearer = measMinutes, m.Org, m.Wearer
	case whatFinding:
		f := &b.Findings[first.at]
		r.What, r.Org, r.Wearer, r.Device = measFindings, f.Org, f.Wearer, f.Device
	case whatDecision:
		d := &b.Decisions[first.at]
		r.What, r.Org, r.Wearer, r.Device = measDecisions, d.Org, d.Wearer, d.Device
	}
	return r
}

// refusedItems are items of one batch as a message of their device.
func (l *lane) refusedItems(refs []ref) Refused {
	b := &l.batch.Readings[refs[0].at]
	items := make([]schemas.Item, len(refs))
	for i, r := range refs {
		items[i] = b.Items[r.item]
	}
	kind := schemas.KindReadings
	if items[0].Event != nil {
		kind = schemas.KindEvents
	}
	return Refused{
		Org: b.Org, Wearer: b.Wearer, Device: b.Device, What: string(kind), Received: b.Received,
		Topic:   schemas.Topic{Org: b.Org, Device: b.Device, Kind: kind}.String(),
		Payload: schemas.AppendMessage(nil, kind, b.Boot, time.UnixMilli(b.Received), items),
	}
}
