package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlJournal     = `SELECT number, org, wearer, first, behind, rollups, findings FROM journal ORDER BY number LIMIT 1`
	sqlAddJournal  = `INSERT INTO journal (org, wearer, first, behind, rollups, findings) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`
	sqlDropJournal = `DELETE FROM journal WHERE number = ?1`
)

// note writes a replacement into the journal.
func (c *changing) note(ctx context.Context, r *rebuilding) error {
	rollups, err := (&schemas.Judged{Rollups: r.Rollups}).Encode()
	if err != nil {
		return err
	}
	findings := []byte{}
	for _, body := range r.bodies {
		findings = append(binary.AppendUvarint(findings, uint64(len(body))), body...)
	}
	return c.index.exec(ctx, sqlAddJournal, r.org.String(), r.wearer.String(), r.from, r.to, rollups, findings)
}

// finish does what the journal says. Nobody reads the store until that is done.
func (c *changing) finish(ctx context.Context) error {
	for {
		number, r, err := c.noted(ctx)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if r == nil {
			return nil
		}
		c.view.Lock()
		err = c.replace(ctx, r)
		c.view.Unlock()
		if err == nil {
			err = c.index.exec(ctx, sqlDropJournal, number)
		}
		if err != nil {
			return fmt.Errorf("replace: %w", err)
		}
	}
}

var errJournal = errors.New("damaged journal")

// noted is the first replacement of the journal, if there is one.
func (c *changing) noted(ctx context.Context) (number int64, r *rebuilding, err error) {
	var org, wearer string
	var rollups, findings []byte
	r = &rebuilding{}
	found, err := c.index.find(ctx, sqlJournal, nil, []any{&number, &org, &wearer, &r.from, &r.to, &rollups, &findings})
	if err != nil || !found {
		return 0, nil, err
	}
	if r.org, err = schemas.ParseID(org); err != nil {
		return 0, nil, err
	}
	if r.wearer, err = schemas.ParseID(wearer); err != nil {
		return 0, nil, err
	}
	judged, err := schemas.DecodeJudged(rollups)
	if err != nil {
		return 0, nil, err
	}
	r.Rollups = judged.Rollups
	for len(findings) > 0 {
		size, n := binary.Uvarint(findings)
		if n <= 0 || size > uint64(len(findings)-n) { //nolint:gosec // it is not below zero
			return 0, nil, errJournal
		}
		body := findings[n : n+int(size)] //nolint:gosec // it is within findings
		f, err := unpackFinding(body)
		if err != nil {
			return 0, nil, err
		}
		r.Findings, r.bodies = append(r.Findings, f), append(r.bodies, body)
		findings = findings[n+int(size):] //nolint:gosec // as above
	}
	return number, r, nil
}

// replace removes what is stored and stores what was rebuilt, in all files that have, or
// will have, something of it. A wearer of whom nothing
// is stored is given a number only if there is something to store.
func (c *changing) replace(ctx context.Context, r *rebuilding) error {
	rollups, findings := map[int64][]int{}, map[int64][]int{}
	for i := range r.Rollups {
		day := r.Rollups[i].Minute / dayMinutes
		rollups[day] = append(rollups[day], i)
	}
	var reaches map[int64]int64
	for i := range r.Findings {
		day := dayOf(r.Findings[i].Start.UnixMilli())
		findings[day] = append(findings[day], i)
		reaches = noteReach(reaches, &r.Findings[i])
	}
	err := c.replaceDays(ctx, series.Rollups, r, rollups, func(tx *fileTx, i int) error {
		return tx.storeRollup(ctx, &r.Rollups[i], sqlSetRollup)
	})
	if err != nil {
		return err
	}
	if err := c.replaceDays(ctx, series.Events, r, findings, func(tx *fileTx, i int) error {
		return tx.storeFinding(ctx, &r.Findings[i], r.bodies[i])
	}); err != nil {
		return err
	}
	return c.storeReaches(ctx, reaches)
}

// replaceDays does so for a class; with are the things to be stored, by day, which put stores.
func (c *changing) replaceDays(ctx context.Context, class series.Class, r *rebuilding, with map[int64][]int, put func(*fileTx, int) error) error {
	days, err := c.days(class, dayOf(r.from), dayOf(r.to-1))
	if err != nil {
		return err
	}
	days = slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(days, maps.Keys(with)))))
	for _, day := range days {
		err := c.in(ctx, fileKey{class, day}, func(ctx context.Context, tx *fileTx) error {
			if err := tx.clear(ctx, r); err != nil {
				return err
			}
			for _, i := range with[day] {
				if err := put(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// clear removes what a file has of a replacement's range.
func (tx *fileTx) clear(ctx context.Context, r *rebuilding) error {
	var wearer int64
	found, err := tx.find(ctx, sqlWearer, []any{r.org.String(), r.wearer.String()}, []any{&wearer})
	if err != nil || !found {
		return err
	}
	sc := scope{wearer: wearer, from: r.from, to: r.to}
	if tx.key.class == series.Rollups {
		first, last := sc.minuteRange()
		return tx.drop(ctx, sqlDropRollups, countRollups, first, last)
	}
	if err := tx.drop(ctx, sqlDropFindings, countFindings, wearer, sc.from, sc.to); err != nil {
		return err
	}
	return tx.drop(ctx, sqlDropEpisodes, countEpisodes, wearer, sc.from, sc.to)
}
