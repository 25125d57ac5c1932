package sqlite

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// tableTombstones holds who was erased, by a keyed hash, so that no byte of a name stays:
// what is from before a time, in milliseconds, never comes back.
const tableTombstones = `
CREATE TABLE IF NOT EXISTS salt (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tombstones (key BLOB PRIMARY KEY, before INTEGER NOT NULL) WITHOUT ROWID;
`

const (
	sqlSalt       = `SELECT value FROM salt`
	sqlAddSalt    = `INSERT INTO salt (value) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM salt)`
	sqlTombstones = `SELECT key, before FROM tombstones`
	sqlBury       = `INSERT INTO tombstones (key, before) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET before = max(before, ?2)`
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
func (a *appending) recallTombs(ctx context.Context) (*tombs, error) {
	t := &tombs{before: map[string]int64{}, of: map[wearerName]int64{}}
	if err := a.tx.QueryRowContext(ctx, sqlSalt).Scan(&t.salt); err != nil {
		return nil, err
	}
	rows, err := a.tx.QueryContext(ctx, sqlTombstones)
	all, err := collect(rows, err, func(r *tombRow) []any { return []any{&r.key, &r.before} })
	for _, r := range all {
		t.before[string(r.key)] = r.before
	}
	return t, err
}

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
