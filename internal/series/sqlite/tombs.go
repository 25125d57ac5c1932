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

// living drops from a batch what is of erased wearers and counts it.
func (t *tombs) living(b *series.Batch) (kept series.Batch, erased int) {
	if len(t.before) == 0 {
		return *b, 0
	}
	return series.Living(b, t.erasedBefore)
}
