package ingest

import (
	"context"
	"log/slog"
	"time"

	"sitwell/schemas"
)

// run names one run of a device, from its start to the next.
type run struct {
	device

	boot uint32
}

// runs remembers of the runs lately heard of what gives away a clock that jumps
// or is behind. It belongs to the worker. It holds at most twice maxRuns: when the
// younger half is full, the older is forgotten. A run that is forgotten starts
// anew, and so does every run when ingest starts: what then contradicts it is
// left to the detector, which takes it for late.
type runs struct {
	young, old map[run]*seen
	metrics    *Metrics
	logger     *slog.Logger
}

// seen is what is remembered of a run, about 100 bytes.
type seen struct {
	order   schemas.Order // by the device's own clock
	timed   bool          // first and least say something
	first   int64         // receipt of its first message with a sent, in milliseconds
	least   int64         // smallest receipt less sent, in milliseconds
	suspect bool
}

const (
	maxRuns = 1 << 16
	// suspectAfter is for how long a run is heard before its clock is suspected:
	// what the broker kept while ingest was away is old without any fault of
	// the clock, and what is sent now follows it at once.
	suspectAfter = 2 * time.Minute
)

func newRuns(m *Metrics, logger *slog.Logger) *runs {
	return &runs{young: map[run]*seen{}, metrics: m, logger: logger}
}

// of is what is remembered of a run.
func (rs *runs) of(r run) *seen {
	if s := rs.young[r]; s != nil {
		return s
	}
	s := rs.old[r]
	if s == nil {
		s = &seen{}
	} else {
		delete(rs.old, r)
	}
	if len(rs.young) >= maxRuns {
		for _, forgotten := range rs.old {
			if forgotten.suspect {
				rs.metrics.suspect.Dec()
			}
		}
		rs.old, rs.young = rs.young, map[run]*seen{}
	}
	rs.young[r] = s
	return s
}

// lag notes how far a message's sent lay behind its receipt. A clock is suspected
// of being behind when that was never less than schemas.MaxAhead, and no longer
// once it was. Nothing is corrected: the messages may have been under way so long.
func (rs *runs) lag(r run, s *seen, sent, received int64) {
	if !s.timed {
		s.timed, s.first, s.least = true, received, received-sent
	}
	s.least = min(s.least, received-sent)
	behind := time.Duration(s.least) * time.Millisecond
	suspect := behind > schemas.MaxAhead && received-s.first >= suspectAfter.Milliseconds()
	switch {
	case suspect && !s.suspect:
		rs.metrics.suspect.Inc()
		rs.logger.Warn("clock_suspect: a device's clock seems to be behind; its readings are stored as it dates them, and come late or not at all to judgement",
			"org", r.org, "device", r.id, "boot", r.boot, "behind", behind)
	case s.suspect && behind <= schemas.MaxAhead:
		rs.metrics.suspect.Dec()
		rs.logger.Info("a device's clock is no longer suspected", "org", r.org, "device", r.id, "boot", r.boot)
		suspect = false
	default:
		suspect = s.suspect
	}
	s.suspect = suspect
}

// checkClock looks at what a message says of its device's clock, and puts into
// quarantine what contradicts earlier messages of the same run.
func (w *worker) checkClock(ctx context.Context, topic schemas.Topic, m message, msg *schemas.Message) error {
	if msg.Ahead > 0 {
		w.metrics.corrected.Add(float64(len(msg.Items)))
	}
	if msg.Sent == 0 || len(msg.Items) == 0 {
		return nil // no clock, nothing to say
	}
	r := run{device{topic.Org, topic.Device}, msg.Boot}
	seen := w.runs.of(r)
	w.runs.lag(r, seen, msg.Sent, m.received.UnixMilli())
	var why *schemas.Refusal
	var bad []schemas.Item
	good := msg.Items[:0]
	for i := range msg.Items {
		item := msg.Items[i]
		if refusal := seen.order.Take(item.Seq, item.Time+int64(msg.Ahead)); refusal != nil {
			why, bad = refusal, append(bad, item)
			continue
		}
		good = append(good, item)
	}
	msg.Items = good
	return w.refuseItems(ctx, topic, m, msg, why, bad)
}
