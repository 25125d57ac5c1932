package influx

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"sitwell/schemas"
)

// hint is whose an episode is and when it started, in milliseconds: findings of one episode lie
// there, and nowhere else.
type hint struct {
	wearer schemas.ID
	start  int64
}

// maxHints is how many episodes are remembered, some 10 MB at most.
const maxHints = 1 << 16

// hints remember the episodes that were read last: who asks for the findings of one has mostly
// asked for the episodes before.
type hints struct {
	mu    sync.Mutex // guards the rest
	known map[hintKey]*list.Element
	order list.List // of hintEntry, the last used in front
}

type hintKey struct {
	org     schemas.ID
	episode string
}

type hintEntry struct {
	key  hintKey
	hint hint
}

func (h *hints) put(org schemas.ID, episode string, at hint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := hintKey{org, episode}
	if e, ok := h.known[key]; ok {
		e.Value = hintEntry{key, at}
		h.order.MoveToFront(e)
		return
	}
	if h.known == nil {
		h.known = map[hintKey]*list.Element{}
	}
	h.known[key] = h.order.PushFront(hintEntry{key, at})
	if h.order.Len() > maxHints {
		oldest, _ := h.order.Remove(h.order.Back()).(hintEntry)
		delete(h.known, oldest.key)
	}
}

func (h *hints) get(org schemas.ID, episode string) (at hint, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.known[hintKey{org, episode}]
	if !ok {
		return at, false
	}
	h.order.MoveToFront(e)
	entry, _ := e.Value.(hintEntry)
	return entry.hint, true
}

// Findings reads those of an episode. Where it is not known whose it is and when it was, all episodes
// of the organisation are looked through, newest first.
func (s *Store) Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error) {
	if org.IsZero() {
		return nil, fmt.Errorf("read findings of %q: %w", episode, errNoName)
	}
	findings, err := s.findings(ctx, org, episode)
	if err != nil {
		return nil, fmt.Errorf("read findings of %q: %w", episode, err)
	}
	return findings, nil
}

func (s *Store) findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error) {
	if !utf8.ValidString(episode) {
		return nil, nil // which no stored one is
	}
	if h, ok := s.hints.get(org, episode); ok {
		findings, err := s.bodies(ctx, s.query, []hint{h}, org, episode)
		if err != nil || len(findings) > 0 {
			return findings, err
		}
	}
	found, err := s.find(ctx, org, episode)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) == 1 {
		s.hints.put(org, episode, found[0])
	}
	return s.bodies(ctx, s.query, found, org, episode)
}

// find looks for an episode, in ranges that lie further and further back, until one has it.
func (s *Store) find(ctx context.Context, org schemas.ID, episode string) (found []hint, err error) {
	const nanosInDay = 24 * nanosInHour
	today := time.Now().UnixNano()
	for _, of := range []span{
		{today - nanosInDay, lastMillis * nanosInMilli},
		{today - 7*nanosInDay, today - nanosInDay},
		{today - 30*nanosInDay, today - 7*nanosInDay},
		{0, today - 30*nanosInDay},
	} {
		f := new(flux).from(s.bucket(bucketEvents), of.from, of.to, measurement(measFindings), tagIs(tagOrg, org), field(fieldEpisode), valueIs(episode)).
			keep(colTime, tagWearer)
		if err := s.query(ctx, f, func(r *row) error {
			ms, _ := split(r.time(colTime))
			id, err := schemas.ParseID(r.text(tagWearer))
			if err == nil && !slices.Contains(found, hint{id, ms}) {
				found = append(found, hint{id, ms})
			}
			return err
		}); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// bodies reads the findings of an episode that lie at some places.
func (s *Store) bodies(ctx context.Context, ask asker, where []hint, org schemas.ID, episode string) ([]schemas.Finding, error) {
	var findings []schemas.Finding
	for _, h := range where {
		sc := scope{org, h.wearer, h.start, h.start + 1}
		all, err := s.whole(ctx, ask, sc)
		if err != nil {
			return nil, err
		}
		findings = append(findings, all[episode]...)
	}
	slices.SortFunc(findings, byTime)
	return findings, nil
}

func byTime(x, y schemas.Finding) int {
	return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.ID, y.ID))
}

// whole reads the findings of the episodes that start in a range, whole, by episode.
func (s *Store) whole(ctx context.Context, ask asker, sc scope) (map[string][]schemas.Finding, error) {
	from, to := sc.nanos()
	all := map[string][]schemas.Finding{}
	f := new(flux).from(s.bucket(bucketEvents), from, to, measurement(measFindings), sc.whose(), field(fieldBody)).keep(colTime, colValue, tagRule)
	var in rising // a point may come twice
	err := ask(ctx, f, func(r *row) error {
		if later, _ := in.next(r, 1); !later {
			return nil
		}
		f, err := schemas.DecodeFinding([]byte(r.text(colValue)))
		if err == nil {
			all[f.Episode] = append(all[f.Episode], f)
		}
		return err
	})
	for _, findings := range all {
		slices.SortFunc(findings, byTime)
	}
	return all, err
}

func (h *hints) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = nil
	h.order.Init()
}
