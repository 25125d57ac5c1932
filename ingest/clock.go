package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// clocks knows which devices' clocks are ahead, and by how much. The offset of a
// device's run is fixed in a bucket of the log when the first message comes that
// was sent ahead of its receipt; whoever writes first decides for all ingesters,
// and for what is redriven. It is never changed afterwards, so that a reading
// that comes again gets the same time again.
type clocks struct {
	kv      jetstream.KeyValue
	metrics *Metrics
	logger  *slog.Logger

	mu    sync.RWMutex // guards known
	known map[device][]offset
}

// device names a device.
type device struct{ org, id schemas.ID }

// offset is by how many milliseconds a clock is ahead in one run of its device.
type offset struct {
	boot     uint32
	ahead    uint32
	revision uint64 // of its key in the bucket: what was fixed later has a higher one
}

// fixedClock is an offset as it stands in the bucket.
type fixedClock struct {
	Ahead uint32 `json:"ahead_ms"`
}

// maxOffsets is how many runs of one device have their offsets kept. The oldest
// goes, so that a device that restarts without end fills neither the bucket nor
// the memory; what it still buffers of that run is then dated by its own clock.
const maxOffsets = 8

func newClocks(kv jetstream.KeyValue, m *Metrics, logger *slog.Logger) *clocks {
	return &clocks{kv: kv, metrics: m, logger: logger, known: map[device][]offset{}}
}

// ahead is by how many milliseconds the clock of a device's run is ahead. It
// fixes the offset where sent lies ahead of receipt and there is none yet; then
// it waits for the log, again and again until that has stalled.
func (c *clocks) ahead(ctx context.Context, d device, boot uint32, sent, received int64) (uint32, error) {
	if ms, ok := c.fixed(d, boot); ok {
		return ms, nil
	}
	ms := sent - received
	if c.kv == nil || ms <= schemas.MaxAhead.Milliseconds() || ms > schemas.MaxCorrected.Milliseconds() {
		return 0, nil
	}
	o := offset{boot: boot, ahead: uint32(ms)} //nolint:gosec // bounded by the line above
	fix := func(ctx context.Context) (err error) {
		o.ahead, err = c.fix(ctx, d, o)
		return err
	}
	limited, cancel := context.WithTimeout(ctx, stallAfter)
	defer cancel()
	err := fix(limited)
	for pause := minPause; err != nil && sleep(limited, pause) == nil; pause = min(2*pause, maxPause) {
		err = fix(limited)
	}
	switch {
	case err == nil:
		return o.ahead, nil
	case ctx.Err() != nil:
		return 0, err
	}
	return 0, &stalled{why: err, again: fix}
}

// fix writes an offset down, or finds the one that somebody else wrote.
func (c *clocks) fix(ctx context.Context, d device, o offset) (uint32, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	value, err := json.Marshal(fixedClock{Ahead: o.ahead})
	if err != nil {
		return 0, fmt.Errorf("fix clock: %w", err)
	}
	key := clockKey(d, o.boot)
	o.revision, err = c.kv.Create(ctx, key, value)
	if errors.Is(err, jetstream.ErrKeyExists) {
		var entry jetstream.KeyValueEntry
		if entry, err = c.kv.Get(ctx, key); err == nil {
			o, err = readClock(entry, o.boot)
		}
	} else if err == nil {
		c.metrics.fixed.Inc()
		c.logger.Info("a device's clock is ahead; its readings are corrected until it restarts",
			"org", d.org, "device", d.id, "boot", o.boot, "ahead", time.Duration(o.ahead)*time.Millisecond)
	}
	if err != nil {
		return 0, fmt.Errorf("fix clock %s: %w", key, err)
	}
	c.keep(ctx, d, o)
	return o.ahead, nil
}

// keep takes an offset over, and deletes those of runs that are one too many.
func (c *clocks) keep(ctx context.Context, d device, o offset) {
	for _, old := range c.put(d, o) {
		if err := c.kv.Delete(ctx, clockKey(d, old)); err != nil {
			c.logger.Warn("offset of an old run not deleted", "org", d.org, "device", d.id, "boot", old, "err", err)
		}
	}
}

func (c *clocks) fixed(d device, boot uint32) (uint32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, o := range c.known[d] {
		if o.boot == boot {
			return o.ahead, true
		}
	}
	return 0, false
}

// put keeps an offset, and tells which runs of the device are one too many. It
// goes by the order in the bucket, because the watch brings late what this
// process has fixed itself.
func (c *clocks) put(d device, o offset) (old []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(c.known[d]), func(other offset) bool { return other.boot == o.boot })
	all = append(all, o)
	slices.SortFunc(all, func(a, b offset) int { return cmp.Compare(a.revision, b.revision) })
	for ; len(all) > maxOffsets; all = all[1:] {
		old = append(old, all[0].boot)
	}
	c.known[d] = all
	return old
}

func (c *clocks) drop(d device, boot uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(c.known[d]), func(o offset) bool { return o.boot == boot })
	if c.known[d] = left; len(left) == 0 {
		delete(c.known, d)
	}
}

func clockKey(d device, boot uint32) string {
	return d.org.String() + "." + d.id.String() + "." + strconv.FormatUint(uint64(boot), 10)
}

func parseClockKey(key string) (d device, boot uint32, err error) {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return d, 0, fmt.Errorf("%q is no key of a clock", key)
	}
	if d.org, err = schemas.ParseID(parts[0]); err != nil {
		return d, 0, fmt.Errorf("key of a clock: %w", err)
	}
	if d.id, err = schemas.ParseID(parts[1]); err != nil {
		return d, 0, fmt.Errorf("key of a clock: %w", err)
	}
	n, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return d, 0, fmt.Errorf("key of a clock: %w", err)
	}
	return d, uint32(n), nil
}

func readClock(entry jetstream.KeyValueEntry, boot uint32) (offset, error) {
	var f fixedClock
	if err := json.Unmarshal(entry.Value(), &f); err != nil {
		return offset{}, fmt.Errorf("offset of a clock: %w", err)
	}
	return offset{boot: boot, ahead: f.Ahead, revision: entry.Revision()}, nil
}
