package broker

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// settler brings new streams and consumers to disk with durability Interval.
// The server syncs what is in a stream every SyncInterval, and never the files
// that say that the stream, or a session's place in it, exists: a power cut half
// a minute later would leave them empty, and what they hold with them.
type settler struct {
	dir  string
	log  *slog.Logger
	stop chan struct{}
	done sync.WaitGroup
}

// The times of a settler. A stream or consumer is made in several files, one
// after the other, and only the first change shows: it syncs for some rounds more.
const (
	settleEvery  = SyncInterval / 4
	settleRounds = 8
)

func settle(dir string, log *slog.Logger) *settler {
	s := &settler{dir: dir, log: log, stop: make(chan struct{})}
	s.done.Go(s.run)
	return s
}

func (s *settler) close() {
	if s == nil {
		return
	}
	close(s.stop)
	s.done.Wait()
}

func (s *settler) run() {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	var before map[string]time.Time
	for rounds := settleRounds; ; {
		if now := s.changes(); !maps.Equal(now, before) {
			before, rounds = now, settleRounds
		}
		if rounds > 0 {
			rounds--
			if err := syncAll(s.dir); err != nil {
				s.log.Warn("new streams not synced to disk, trying again", "error", err)
				rounds = settleRounds
			}
		}
		select {
		case <-tick.C:
		case <-s.stop:
			return
		}
	}
}

// changes are the times at which streams and the lists of their consumers changed.
func (s *settler) changes() map[string]time.Time {
	at := map[string]time.Time{}
	streams := filepath.Join(s.dir, "jetstream", account, "streams")
	for _, stream := range folders(streams) {
		for _, name := range []string{metaFile, sumFile, "obs"} {
			name = filepath.Join(streams, stream, name)
			if info, err := os.Stat(name); err == nil {
				at[name] = info.ModTime()
			}
		}
	}
	return at
}
