package sqlite

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlSalt       = `SELECT value FROM salt`
	sqlAddSalt    = `INSERT INTO salt (value) VALUES (?1)`
	sqlTombstones = `SELECT key, before FROM tombstones`
)

// tombs are the tombstones of a store.
type tombs struct {
	salt   []byte
	before map[string]int64     // by key
	of     map[wearerName]int64 // by name, as far as they were asked for
}

// newSalt is what keeps a tombstone from telling a name that somebody guesses.
func newSalt() []byte {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // it never fails
	return salt
}

type tombRow struct {
	key    []byte
	before int64
}

// recallTombs reads the tombstones.
func recallTombs(ctx context.Context, index *writer) (*tombs, error) {
	t := &tombs{before: map[string]int64{}, of: map[wearerName]int64{}}
	if found, err := index.find(ctx, sqlSalt, nil, []any{&t.salt}); err != nil || !found {
		return nil, errors.Join(err, errNoSalt)
	}
	stmt, err := index.stmt(ctx, sqlTombstones)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx)
	all, err := collect(rows, err, func(r *tombRow) []any { return []any{&r.key, &r.before} })
	for _, r := range all {
		t.before[string(r.key)] = r.before
	}
	return t, err
}

var errNoSalt = errors.New("the index has no salt")

// key stands for a wearer.
func (t *tombs) key(name wearerName) []byte {
	h := hmac.New(sha256.New, t.salt)
	_, _ = h.Write([]byte(name.org.String() + "/" + name.wearer.String())) // of a hash, which takes all
	return h.Sum(nil)
}

// erasedBefore is the time, in milliseconds, before which nothing of a wearer is taken.
func (t *tombs) erasedBefore(org, wearer schemas.ID) int64 {
	if len(t.before) == 0 {
		return 0
	}
	name := wearerName{org, wearer}
	before, ok := t.of[name]
	if !ok {
		before = t.before[string(t.key(name))]
		if len(t.of) > maxNames {
			clear(t.of)
		}
		t.of[name] = before
	}
	return before
}

// living drops from a batch what is of erased wearers and counts it. What it leaves is
// in memory of its own where something was dropped.
func (t *tombs) living(b *series.Batch) (kept series.Batch, erased int) {
	kept = *b
	if len(t.before) == 0 {
		return kept, 0
	}
	kept.Readings = t.livingReadings(b.Readings, &erased)
	kept.Late = keep(b.Late, &erased, func(l *schemas.Late) bool { return l.To >= t.erasedBefore(l.Org, l.Wearer) })
	kept.Rollups = keep(b.Rollups, &erased, func(r *schemas.Rollup) bool { return r.Minute*minute >= t.erasedBefore(r.Org, r.Wearer) })
	kept.Findings = keep(b.Findings, &erased, func(f *schemas.Finding) bool { return f.Start.UnixMilli() >= t.erasedBefore(f.Org, f.Wearer) })
	kept.Decisions = keep(b.Decisions, &erased, func(d *schemas.Decision) bool { return d.Time.UnixMilli() >= t.erasedBefore(d.Org, d.Wearer) })
	return kept, erased
}

func (t *tombs) livingReadings(batches []schemas.Batch, erased *int) []schemas.Batch {
	var out []schemas.Batch
	for i := range batches {
		b := batches[i]
		before := t.erasedBefore(b.Org, b.Wearer)
		b.Items = keep(b.Items, erased, func(item *schemas.Item) bool { return item.Time >= before })
		if len(b.Items) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// keep is the part of all for which ok holds; all itself where that is everything.
func keep[T any](all []T, dropped *int, ok func(*T) bool) []T {
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
