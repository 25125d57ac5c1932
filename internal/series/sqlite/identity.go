package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
)

// Each file has a random number, from the first transaction on that numbers something in it.
// What is remembered of a file is of that number: another process, or somebody's hand, may
// remove the file, and the next one of its name numbers anew.
const (
	sqlIdentity    = `SELECT n FROM counters WHERE name = 'identity'`
	sqlAddIdentity = `INSERT INTO counters (name, n) VALUES ('identity', ?1)`
)

var errReplaced = errors.New("another file has taken its place meanwhile; try again")

// newIdentity is never 0, which stands for none.
func newIdentity() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1
}

// identify forgets what is known of another file of this name. Of a file that has no number
// nothing is known.
func (k *known) identify(key fileKey, identity int64) {
	was := k.identities[key]
	if was == identity {
		return
	}
	if was != 0 {
		k.forget(key)
	}
	if identity != 0 {
		k.identities[key] = identity
	}
}

func (k *known) forget(key fileKey) {
	delete(k.identities, key)
	maps.DeleteFunc(k.wearers, func(w wearerKey, _ int64) bool { return w.file == key })
	maps.DeleteFunc(k.runs, func(r runKey, _ int64) bool { return r.file == key })
	maps.DeleteFunc(k.worn, func(w wornKey, _ bool) bool { return w.file == key })
	for _, sets := range []map[blockKey]spans{k.young, k.old} {
		maps.DeleteFunc(sets, func(b blockKey, _ spans) bool { return b.file() == key })
	}
}

// identify gives the file of a transaction its number, before anything in it is numbered, or
// asked for what is known of it.
func (tx *fileTx) identify(ctx context.Context) error {
	if tx.identified {
		return nil
	}
	if _, err := tx.find(ctx, sqlIdentity, nil, []any{&tx.was}); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	tx.known.identify(tx.key, tx.was)
	if tx.was == 0 {
		made := newIdentity()
		if err := tx.exec(ctx, sqlAddIdentity, made); err != nil {
			return fmt.Errorf("store identity: %w", err)
		}
		tx.known.identities[tx.key] = made
	}
	tx.identified = true
	return nil
}

// identify notes the number of a file as a batch finds it first.
func (p *plan) identify(ctx context.Context, key fileKey) error {
	if _, ok := p.identities[key]; ok {
		return nil
	}
	var identity int64
	err := p.writing(ctx, key, func(w *writer) error {
		_, err := w.find(ctx, sqlIdentity, nil, []any{&identity})
		return err
	})
	if err != nil && !errors.Is(err, errNoFile) {
		return fmt.Errorf("read identity: %w", err)
	}
	p.known.identify(key, identity)
	p.identities[key] = identity
	return nil
}

// writing calls do with the connection that writes a file; errNoFile where there is none.
func (p *plan) writing(ctx context.Context, key fileKey, do func(*writer) error) error {
	f, err := p.pool.acquire(ctx, key)
	if err != nil {
		return err
	}
	defer p.pool.release(f)
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	if err := f.write.connect(ctx); err != nil {
		return key.of(err)
	}
	return key.of(do(&f.write))
}
