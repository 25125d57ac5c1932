package record

import (
	"errors"
	"fmt"

	"sitwell/internal/bus"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Why a message was passed over; the values of a metric's label.
const (
	damaged = "damaged" // it cannot be decoded
	invalid = "invalid" // it says what cannot be: no name, a time out of range
)

var errInvalid = errors.New("invalid content")

// The bounds of one append: reading one stops at whichever comes first, and nothing
// more is taken from the log until it is stored.
const (
	maxMessages = 4096
	maxBytes    = 4 << 20
	maxReadings = 100_000
)

// gathered is the content of one append. Its memory is used again.
type gathered struct {
	batch    series.Batch
	messages int
	bytes    int
	items    []schemas.Item // of all readings' batches
	reader   schemas.RecordReader
}

func (g *gathered) reset() {
	clear(g.items) // lets go of events
	g.items = g.items[:0]
	clear(g.batch.Findings) // lets go of receipts
	g.batch.Readings, g.batch.Late, g.batch.Rollups = g.batch.Readings[:0], g.batch.Late[:0], g.batch.Rollups[:0]
	g.batch.Findings, g.batch.Decisions = g.batch.Findings[:0], g.batch.Decisions[:0]
	g.messages, g.bytes = 0, 0
}

func (g *gathered) full() bool {
	return g.messages >= maxMessages || g.bytes >= maxBytes || len(g.items) >= maxReadings
}

// take adds a message: all of it, or after an error nothing but its sequence.
func (g *gathered) take(m bus.Msg) error {
	g.batch.Seq = m.Seq
	g.messages++
	g.bytes += len(m.Data)
	switch g.batch.Stream {
	case schemas.StreamReadings:
		return g.takeReadings(m.Data)
	case schemas.StreamRollups:
		return g.takeJudged(m.Data)
	case schemas.StreamFindings:
		return g.takeFinding(m.Data)
	case schemas.StreamNudges:
		return g.takeDecision(m.Data)
	default:
		return fmt.Errorf("%w: nothing is stored of stream %s", errInvalid, g.batch.Stream)
	}
}

func (g *gathered) takeReadings(record []byte) error {
	batches, items := len(g.batch.Readings), len(g.items)
	err := g.readRecord(record)
	if err != nil {
		g.batch.Readings, g.items = g.batch.Readings[:batches], g.items[:items]
	}
	return err
}

func (g *gathered) readRecord(record []byte) error {
	if err := g.reader.Reset(record); err != nil {
		return err
	}
	for {
		var b schemas.Batch
		more, err := g.reader.Next(&b)
		if err != nil || !more {
			return err
		}
		for i := range b.Items {
			if item := &b.Items[i]; !storable(item.At()) || item.Seq > schemas.MaxSeq {
				return fmt.Errorf("%w: reading %d of %s/%s at %d ms", errInvalid, item.Seq, b.Org, b.Device, item.Time)
			}
		}
		from := len(g.items) // the reader uses its items again
		g.items = append(g.items, b.Items...)
		b.Items = g.items[from:len(g.items):len(g.items)]
		g.batch.Readings = append(g.batch.Readings, b)
	}
}

func (g *gathered) takeJudged(record []byte) error {
	judged, err := schemas.DecodeJudged(record)
	if err != nil {
		return err
	}
	for i := range judged.Rollups {
		if err := checkRollup(&judged.Rollups[i]); err != nil {
			return err
		}
	}
	for i := range judged.Late {
		if err := checkLate(&judged.Late[i]); err != nil {
			return err
		}
	}
	g.batch.Rollups = append(g.batch.Rollups, judged.Rollups...)
	g.batch.Late = append(g.batch.Late, judged.Late...)
	return nil
}

func (g *gathered) takeFinding(data []byte) error {
	f, err := schemas.DecodeFinding(data)
	switch {
	case err != nil:
		return err
	case f.Org.IsZero() || f.Wearer.IsZero() || f.Episode == "" || f.ID == "" || !storable(f.Start) || !storable(f.Time):
		return fmt.Errorf("%w: finding %q of %q/%q", errInvalid, f.ID, f.Org, f.Wearer)
	}
	g.batch.Findings = append(g.batch.Findings, f)
	return nil
}

func (g *gathered) takeDecision(data []byte) error {
	d, err := schemas.DecodeDecision(data)
	switch {
	case err != nil:
		return err
	case d.Org.IsZero() || d.Wearer.IsZero() || d.ID == "" || !storable(d.Time):
		return fmt.Errorf("%w: decision %q of %q/%q", errInvalid, d.ID, d.Org, d.Wearer)
	}
	g.batch.Decisions = append(g.batch.Decisions, d)
	return nil
}

// reason is the label of an error of take.
func reason(err error) string {
	if errors.Is(err, errInvalid) {
		return invalid
	}
	return damaged
}
