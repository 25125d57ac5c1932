package sqlite

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sitwell/internal/series"
)

const sqlCounters = `SELECT name, n FROM counters`

type counterRow struct {
	name string
	n    int64
}

// Stats adds up the counters that each file keeps, and the sizes of the files. Counters of
// files that have not changed are remembered: it is cheap but for the first time. Damaged
// files are left out.
func (s *Store) Stats(ctx context.Context) (series.Stats, error) {
	sum := map[string]int64{}
	for _, f := range []*file{s.index, s.office} {
		if err := s.countFile(ctx, f, sum); err != nil {
			return series.Stats{}, wrap("read statistics", err)
		}
	}
	for _, class := range dayClasses() {
		days, err := s.everyDay(class)
		if err != nil {
			return series.Stats{}, wrap("read statistics", err)
		}
		for _, day := range days {
			if err := s.without(ctx, s.countDay(ctx, fileKey{class, day}, sum)); err != nil {
				return series.Stats{}, wrap("read statistics", err)
			}
		}
	}
	bytes, err := s.bytes()
	return series.Stats{
		Readings: sum[countReadings], Rollups: sum[countRollups], Episodes: sum[countEpisodes], Findings: sum[countFindings],
		Decisions: sum[countDecisions], Aggregates: sum[countAggregates], Duplicates: sum[countDuplicates], Bytes: bytes,
	}, wrap("read statistics", err)
}

func (s *Store) countFile(ctx context.Context, f *file, sum map[string]int64) error {
	rows, err := query(ctx, s, f, func(r *counterRow) []any { return []any{&r.name, &r.n} }, sqlCounters)
	for _, r := range rows {
		sum[r.name] += r.n
	}
	return err
}

// countDay adds what a file of a day has, from memory if that is as new as the file.
func (s *Store) countDay(ctx context.Context, key fileKey, sum map[string]int64) error {
	path := s.pathOf(key)
	state := looksOf(path)
	mine, ok, changes := s.counted.get(key, state)
	if !ok {
		mine = map[string]int64{}
		if err := s.with(ctx, key, func(f *file) error { return s.countFile(ctx, f, mine) }); err != nil {
			return err
		}
		s.counted.put(key, counts{state, mine}, changes)
	}
	for name, n := range mine {
		sum[name] += n
	}
	return nil
}

// bytes is what all files take.
func (s *Store) bytes() (n int64, err error) {
	err = filepath.WalkDir(s.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err == nil { // else it is gone again
			n += info.Size()
		}
		return nil
	})
	return n, err
}

// looks is how a file looks from outside: it tells that another process has changed it.
type looks struct {
	size, logSize       int64
	changed, logChanged time.Time
}

func looksOf(path string) (l looks) {
	if info, err := os.Stat(path); err == nil {
		l.size, l.changed = info.Size(), info.ModTime()
	}
	if info, err := os.Stat(path + suffixWAL); err == nil {
		l.logSize, l.logChanged = info.Size(), info.ModTime()
	}
	return l
}

type counts struct {
	looks

	n map[string]int64
}

// counted remembers the counters of files. It is safe for concurrent use.
type counted struct {
	mu      sync.Mutex // guards what follows
	files   map[fileKey]counts
	changes int // of files, by this process
}

func (c *counted) get(key fileKey, l looks) (n map[string]int64, ok bool, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.files[key]
	return have.n, ok && have.looks == l, c.changes
}

// put remembers counters that were read since there were so many changes.
func (c *counted) put(key fileKey, n counts, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.files[key] = n
	}
}

// forget is told of a change.
func (c *counted) forget(key fileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.files, key)
}
