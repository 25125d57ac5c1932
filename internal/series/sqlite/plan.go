package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// plan is what a batch puts into which file. What cannot be stored at all fails while it
// is made, before anything is changed.
type plan struct {
	*changing

	batch   *series.Batch
	epoch   int64
	parts   map[fileKey]*part
	sets    map[blockKey]*set // the sets that were looked at
	reaches map[int64]int64   // by day, until when an episode of it lasts
	// identities are those of the files that were looked at, 0 for none.
	identities map[fileKey]int64
}

// part is what a batch puts into one file.
type part struct {
	*plan

	key  fileKey
	skip bool // the file has it already

	chunks     []chunk // of the room's items, with the index of their message
	n          int64   // readings
	duplicates int64
	changed    []blockKey
	marks      []*schemas.Late
	rollups    []*schemas.Rollup
	findings   []packed
	decisions  []packed
}

// set is which sequence numbers of a block are stored; changed, if the batch adds some.
type set struct {
	spans

	changed bool
}

// packed is a finding or a decision with what is stored of it. A decision of which nothing is
// to be stored is removed.
type packed struct {
	finding  *schemas.Finding
	decision *schemas.Decision
	body     []byte
}

func (p *plan) make(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.takeReadings, p.takeMarks, p.takeRollups, p.takeFindings, p.takeDecisions} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ordered are the parts in the order of their files.
func (p *plan) ordered() []*part {
	return slices.SortedFunc(maps.Values(p.parts), func(x, y *part) int { return x.key.compare(y.key) })
}

// part is the one of a day. A file that a crash has left ahead of the index has what it
// is to have already.
func (p *plan) part(ctx context.Context, class series.Class, day int64) (*part, error) {
	key := fileKey{class, day}
	if have, ok := p.parts[key]; ok {
		return have, nil
	}
	made := &part{plan: p, key: key}
	if err := p.identify(ctx, key); err != nil {
		return nil, err
	}
	var seq uint64
	err := p.writing(ctx, key, func(w *writer) error {
		_, err := w.find(ctx, sqlFilePosition, []any{p.batch.Stream, p.epoch}, []any{&seq})
		return err
	})
	if err != nil && !errors.Is(err, errNoFile) {
		return nil, wrap("read position", err)
	}
	made.skip = err == nil && seq >= p.batch.Seq
	p.parts[key] = made
	return made, nil
}

// takeMarks puts each mark into the days of its readings, and into those beside them
// where one of its readings may come again with a time of the day before or after.
func (p *plan) takeMarks(ctx context.Context) error {
	for i := range p.batch.Late {
		l := &p.batch.Late[i]
		if err := checkMark(l); err != nil {
			return fmt.Errorf("store late mark: %w", err)
		}
		days, err := p.markDays(l)
		if err != nil {
			return fmt.Errorf("store late mark: %w", err)
		}
		for _, day := range days {
			part, err := p.part(ctx, series.Raw, day)
			if beside := day < dayOf(min(l.From, l.To)) || day > dayOf(max(l.From, l.To)); beside && err != nil {
				if err = p.without(ctx, err); err == nil {
					continue
				}
			}
			if err != nil {
				return fmt.Errorf("store late mark: %w", err)
			}
			part.marks = append(part.marks, l)
		}
	}
	return nil
}

// takeRollups and those below find the day of each thing: that of its start.
func (p *plan) takeRollups(ctx context.Context) error {
	for i := range p.batch.Rollups {
		r := &p.batch.Rollups[i]
		if err := checkRollup(r); err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
		part, err := p.part(ctx, series.Rollups, r.Minute/dayMinutes)
		if err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
		part.rollups = append(part.rollups, r)
	}
	return nil
}

func (p *plan) takeFindings(ctx context.Context) error {
	for i := range p.batch.Findings {
		f := &p.batch.Findings[i]
		body, err := p.pack.finding(f)
		if err == nil {
			err = checkWearer(f.Org, f.Wearer)
		}
		if err != nil {
			return fmt.Errorf("store finding %q: %w", f.ID, err)
		}
		p.noteReach(f)
		part, err := p.part(ctx, series.Events, dayOf(f.Start.UnixMilli()))
		if err != nil {
			return fmt.Errorf("store finding %q: %w", f.ID, err)
		}
		part.findings = append(part.findings, packed{finding: f, body: body})
	}
	return nil
}

func (p *plan) takeDecisions(ctx context.Context) error {
	for i := range p.batch.Decisions {
		d := &p.batch.Decisions[i]
		body, err := packDecision(d)
		if err == nil {
			err = checkWearer(d.Org, d.Wearer)
		}
		if err != nil {
			return fmt.Errorf("store decision %q: %w", d.ID, err)
		}
		if err := p.takeDecision(ctx, d, body); err != nil {
			return fmt.Errorf("store decision %q: %w", d.ID, err)
		}
	}
	return nil
}

// takeDecision puts a decision into its day, and takes it out of the one beside it where
// it may have been told with a time of that.
func (p *plan) takeDecision(ctx context.Context, d *schemas.Decision, body []byte) error {
	ms := d.Time.UnixMilli()
	beside, near := nextDay(ms)
	if near && p.exists(fileKey{series.Events, beside}) {
		part, err := p.part(ctx, series.Events, beside)
		if err == nil {
			part.decisions = append(part.decisions, packed{decision: d})
		} else if err := p.without(ctx, err); err != nil {
			return err
		}
	}
	part, err := p.part(ctx, series.Events, dayOf(ms))
	if err != nil {
		return err
	}
	part.decisions = append(part.decisions, packed{decision: d, body: body})
	return nil
}

// nextDay is the day whose midnight is within series.Repeats of a time, if there is one.
func nextDay(ms int64) (day int64, near bool) {
	day = dayOf(ms)
	switch within := ms - day*dayMillis; {
	case within < series.Repeats.Milliseconds():
		if day > 0 {
			return day - 1, true
		}
	case within >= dayMillis-series.Repeats.Milliseconds():
		if day < maxDay {
			return day + 1, true
		}
	}
	return day, false
}

// exists reports whether a file is there, or will be.
func (p *plan) exists(key fileKey) bool {
	_, ok := p.parts[key]
	return ok || p.Store.exists(key)
}

// store is the transaction of a part: all of it, and the file's position.
func (p *part) store(ctx context.Context, tx *fileTx) error {
	if err := tx.identify(ctx); err != nil {
		return err
	}
	if was, ok := p.identities[p.key]; ok && was != tx.was {
		return errReplaced // the batch was compared with that
	}
	if err := p.storeReadings(ctx, tx); err != nil {
		return fmt.Errorf("store readings: %w", err)
	}
	for _, l := range p.marks {
		if err := tx.storeLate(ctx, l); err != nil {
			return fmt.Errorf("store late mark: %w", err)
		}
	}
	for _, r := range p.rollups {
		if err := tx.storeRollup(ctx, r, sqlGrowRollup); err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
	}
	for _, f := range p.findings {
		if err := tx.storeFinding(ctx, f.finding, f.body); err != nil {
			return fmt.Errorf("store finding %q: %w", f.finding.ID, err)
		}
	}
	for _, d := range p.decisions {
		if err := tx.storeDecision(ctx, d.decision, d.body); err != nil {
			return fmt.Errorf("store decision %q: %w", d.decision.ID, err)
		}
	}
	return tx.exec(ctx, sqlSetFilePosition, p.batch.Stream, int64(p.batch.Seq), p.epoch) //nolint:gosec // the log counts to 2^63 at most
}
