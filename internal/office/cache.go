package office

import (
	"context"
	"sync"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// A day is read again after a while: a device may bring a buffer late. The
	// last few days, for which that is likely, are read again sooner.
	recentTTL = 5 * time.Minute
	oldTTL    = time.Hour
	recent    = 72 * time.Hour

	// maxDays bounds the days kept, of all organisations together; above it the
	// one that was read longest ago makes room.
	maxDays = 1024
)

type dayKey struct {
	org      schemas.ID
	from, to int64
}

type dayEntry struct {
	totals  map[schemas.ID]series.Totals // never changed once here
	read    time.Time
	expires time.Time
}

// dayCache keeps the contributors' sums of days that are over.
type dayCache struct {
	store Store

	mu   sync.Mutex // guards days
	days map[dayKey]dayEntry
}

func newDayCache(store Store) *dayCache {
	return &dayCache{store: store, days: map[dayKey]dayEntry{}}
}

// get is the contributors' sums of a day. Two callers
// at the same time may both read the store; they read the same.
func (c *dayCache) get(ctx context.Context, org schemas.ID, d day, now time.Time) (map[schemas.ID]series.Totals, error) {
	key := dayKey{org, d.from.Unix(), d.to.Unix()}
	c.mu.Lock()
	entry, ok := c.days[key]
	c.mu.Unlock()
	if ok && now.Before(entry.expires) {
		return entry.totals, nil
	}
	totals, err := c.store.Totals(ctx, series.Query{Org: org, From: d.from, To: d.to})
	if err != nil {
		return nil, err
	}
	entry = dayEntry{totals: counting(totals), read: now, expires: now.Add(ttl(d, now))}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.days[key] = entry
	if len(c.days) > maxDays {
		c.evict()
	}
	return entry.totals, nil
}

func ttl(d day, now time.Time) time.Duration {
	if now.Sub(d.from) < recent {
		return recentTTL
	}
	return oldTTL
}

// evict removes the day that was read longest ago; the caller holds mu.
func (c *dayCache) evict() {
	var oldest dayKey
	var at time.Time
	for key, entry := range c.days {
		if at.IsZero() || entry.read.Before(at) {
			oldest, at = key, entry.read
		}
	}
	delete(c.days, oldest)
}
