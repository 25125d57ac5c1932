package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// room is memory that appends use again.
type room struct {
	items  []schemas.Item // the new ones, their time within the minute
	merged []schemas.Item
	data   []byte
}

// chunk is a stretch of room.items that goes into one segment. At first it tells the
// message and the minute; then also the row and the run.
type chunk struct {
	message  int
	minute   int64
	key, run int64
	from, to int
}

const (
	sqlSeen = `SELECT spans FROM seen WHERE run = (SELECT id FROM runs WHERE org = ?1 AND device = ?2 AND boot = ?3) AND block = ?4`
	// sqlSetSeen and those below are of a file's transaction.
	sqlSetSeen = `INSERT INTO seen (run, block, spans) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET spans = ?3`
	// || makes a text of the same bytes, which the cast takes back.
	sqlMinute = `INSERT INTO minutes (id, n, data) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + ?2, data = CAST(data || ?3 AS BLOB)`
)

// takeReadings copies to the room what is not stored yet.
func (p *plan) takeReadings(ctx context.Context) error {
	p.room.items = p.room.items[:0]
	for i := range p.batch.Readings {
		b := &p.batch.Readings[i]
		if err := checkReadings(b); err != nil {
			return fmt.Errorf("store readings: %w", err)
		}
		t := taking{plan: p, message: i, run: runName{b.Org, b.Device, b.Boot}, minute: -1, day: -1, block: -1}
		for j := range b.Items {
			if err := t.take(ctx, &b.Items[j]); err != nil {
				return fmt.Errorf("store readings: %w", err)
			}
		}
		t.endChunk()
	}
	return nil
}

// checkReadings reports what cannot be stored, ever.
func checkReadings(b *schemas.Batch) error {
	if err := checkWearer(b.Org, b.Wearer); err != nil {
		return err
	}
	if b.Device.IsZero() {
		return fmt.Errorf("device of %s/%s: %w", b.Org, b.Wearer, errNoName)
	}
	for i := range b.Items {
		if item := &b.Items[i]; item.Time < 0 || item.Time > maxMillis || item.Seq > schemas.MaxSeq {
			return fmt.Errorf("reading %d of %s/%s at %d ms: out of range", item.Seq, b.Org, b.Device, item.Time)
		}
	}
	return nil
}

// taking is a message that is taken.
type taking struct {
	*plan

	message     int
	run         runName
	from        int // where the chunk begins
	minute      int64
	day, beside int64 // of the minute; the day whose midnight is near, or -1
	block       int64
	part        *part
	set, near   *set // those of the block in day and beside
}

// take takes an item unless it is stored, in its day or in the one that is near.
func (t *taking) take(ctx context.Context, item *schemas.Item) error {
	m, block := item.Time/minute, int64(item.Seq>>blockBits)
	if m != t.minute || block != t.block {
		if err := t.turn(ctx, m, block); err != nil {
			return err
		}
	}
	if t.part.skip {
		return nil
	}
	low := uint16(item.Seq & (1<<blockBits - 1))
	if t.near != nil && t.near.has(low) || !t.set.add(low) {
		t.part.duplicates++
		return nil
	}
	if !t.set.changed {
		t.set.changed = true
		t.part.changed = append(t.part.changed, blockKey{t.day, t.run, uint64(block)})
	}
	t.room.items = append(t.room.items, *item)
	t.room.items[len(t.room.items)-1].Time %= minute
	return nil
}

// turn goes on with another minute or block.
func (t *taking) turn(ctx context.Context, m, block int64) (err error) {
	if m != t.minute {
		t.endChunk()
		t.from = len(t.room.items)
	}
	day, near := nextDay(m * minute)
	beside := int64(-1)
	if near {
		beside, day = day, dayOf(m*minute)
	}
	same := day == t.day && block == t.block
	if !same {
		if t.part, err = t.plan.part(ctx, series.Raw, day); err != nil {
			return err
		}
		if t.set, err = t.blockSet(ctx, blockKey{day, t.run, uint64(block)}); err != nil { //nolint:gosec // from a uint64
			return err
		}
	}
	if !same || beside != t.beside {
		t.near = nil
		if near {
			t.near, err = t.blockSet(ctx, blockKey{beside, t.run, uint64(block)}) //nolint:gosec // from a uint64
			if err := t.without(ctx, err); err != nil {
				return err
			}
		}
	}
	t.minute, t.day, t.beside, t.block = m, day, beside, block
	return nil
}

func (t *taking) endChunk() {
	if n := len(t.room.items); t.minute >= 0 && t.from < n {
		t.part.chunks = append(t.part.chunks, chunk{message: t.message, minute: t.minute, from: t.from, to: n})
		t.part.n += int64(n - t.from)
	}
}

// blockSet is which sequence numbers of a block are stored, or will be.
func (p *plan) blockSet(ctx context.Context, key blockKey) (*set, error) {
	if have, ok := p.sets[key]; ok {
		return have, nil
	}
	if err := p.identify(ctx, key.file()); err != nil {
		return nil, err
	}
	stored, ok := p.known.block(key)
	if !ok {
		var err error
		if stored, err = p.readSet(ctx, key); err != nil {
			return nil, fmt.Errorf("read what is stored of %s/%s: %w", key.org, key.device, err)
		}
	}
	made := &set{spans: stored}
	p.sets[key] = made
	return made, nil
}

func (p *plan) readSet(ctx context.Context, key blockKey) (spans, error) {
	var b []byte
	err := p.writing(ctx, key.file(), func(w *writer) error {
		_, err := w.find(ctx, sqlSeen, []any{key.org.String(), key.device.String(), int64(key.boot), int64(key.block)}, []any{&b}) //nolint:gosec // at most schemas.MaxSeq
		return err
	})
	if errors.Is(err, errNoFile) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set, err := decodeSpans(b)
	return set, key.file().of(err)
}

// storeReadings writes each minute once, with one segment for each run.
func (p *part) storeReadings(ctx context.Context, tx *fileTx) error {
	for i := range p.chunks {
		c := &p.chunks[i]
		b := &p.batch.Readings[c.message]
		wearer, err := tx.wearer(ctx, b.Org, b.Wearer)
		if err != nil {
			return err
		}
		if c.run, err = tx.runOf(ctx, runName{b.Org, b.Device, b.Boot}, wearer); err != nil {
			return err
		}
		c.key = rowKey(wearer, c.minute)
	}
	slices.SortStableFunc(p.chunks, func(x, y chunk) int {
		return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.run, y.run))
	})
	for rest := p.chunks; len(rest) > 0; {
		n, err := tx.storeMinute(ctx, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	tx.counts[countReadings] += p.n
	tx.counts[countDuplicates] += p.duplicates
	return p.storeSets(ctx, tx)
}

// storeMinute writes the minute of the first chunk and returns how many chunks
// it took.
//
//	minute  = segment...
//	segment = run items, as schemas.AppendItems writes them, times from the minute's start
func (tx *fileTx) storeMinute(ctx context.Context, chunks []chunk) (n int, err error) {
	r := &tx.room
	r.data = r.data[:0]
	key, readings := chunks[0].key, 0
	for n < len(chunks) && chunks[n].key == key {
		run := chunks[n].run
		items := r.items[chunks[n].from:chunks[n].to]
		n++
		if n < len(chunks) && chunks[n].key == key && chunks[n].run == run {
			r.merged = append(r.merged[:0], items...)
			for ; n < len(chunks) && chunks[n].key == key && chunks[n].run == run; n++ {
				r.merged = append(r.merged, r.items[chunks[n].from:chunks[n].to]...)
			}
			items = r.merged
		}
		readings += len(items)
		r.data = binary.AppendUvarint(r.data, uint64(run)) //nolint:gosec // a row's number
		if r.data, err = schemas.AppendItems(r.data, items); err != nil {
			return n, err
		}
	}
	return n, tx.exec(ctx, sqlMinute, key, readings, r.data)
}

// storeSets writes which sequence numbers are stored now, in the order of the tree.
func (p *part) storeSets(ctx context.Context, tx *fileTx) error {
	type row struct {
		run   int64
		block uint64
		set   *set
	}
	rows := make([]row, len(p.changed))
	for i, key := range p.changed {
		rows[i] = row{tx.known.runs[runKey{tx.key, key.runName}], key.block, p.sets[key]}
	}
	slices.SortFunc(rows, func(x, y row) int { return cmp.Or(cmp.Compare(x.run, y.run), cmp.Compare(x.block, y.block)) })
	for _, r := range rows {
		if err := tx.exec(ctx, sqlSetSeen, r.run, int64(r.block), r.set.encode(tx.room.data[:0])); err != nil { //nolint:gosec // at most schemas.MaxSeq
			return fmt.Errorf("store what is stored: %w", err)
		}
	}
	return nil
}
