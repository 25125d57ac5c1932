package sqlite

import (
	"sync"

	"sitwell/internal/series"
)

// maxListed is how many episodes are remembered; then all are forgotten.
const maxListed = 8192

// listed remembers the days of episodes that were listed: whoever lists them asks for
// their findings next. It is a hint, and may be wrong. It is safe for concurrent use.
type listed struct {
	mu   sync.Mutex // guards days
	days map[string]int64
}

func (l *listed) add(all []series.Episode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.days == nil || len(l.days)+len(all) > maxListed {
		l.days = map[string]int64{}
	}
	for i := range all[:min(len(all), maxListed)] {
		l.days[all[i].ID] = dayOf(all[i].Start.UnixMilli())
	}
}

func (l *listed) day(episode string) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	day, ok := l.days[episode]
	return day, ok
}
