package tuning

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

// book is all revisions. Its entries do not change: a new revision makes a new
// entry, so that a copy of the map is a snapshot.
type book map[Scope]*entry

// entry is one key of the bucket.
type entry struct {
	revisions []Revision
	sequence  uint64 // of the bucket, at which it was written last
	damage    error  // why what was written last cannot be read
}

// forever is later than every change counts from.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// at is the revision in force at an event time: of those that count by then, the
// one that was written last. nil is none.
func (b book) at(s Scope, at time.Time) *Revision {
	e := b[s]
	if e == nil {
		return nil
	}
	for i := len(e.revisions) - 1; i >= 0; i-- {
		if r := &e.revisions[i]; !at.Before(r.From) {
			return r
		}
	}
	return nil
}

// Effective is the parameters of a wearer at an event time.
type Effective struct {
	// Version names them, as a finding does: the numbers of the revisions in
	// force, such as all2+org1+wearer3, or detect.DefaultVersion.
	Version string         `json:"version"`
	Params  *detect.Params `json:"-"`
	// Values are the tunable ones, in the order in which people read them.
	Values []Value `json:"values"`
}

// Value is a parameter and where it comes from.
type Value struct {
	Key   string `json:"key"`
	Value string `json:"value"` // as detect.Params.Get writes it
	// Scope has set it; nil is the default.
	Scope *Scope `json:"scope,omitempty"`
}

// dropped is a revision that cannot work on what the wider scopes say.
type dropped struct {
	scope  Scope
	number int
	err    error
}

// merged is the scopes' revisions at an event time, one on the other.
type merged struct {
	version string
	params  *detect.Params
	sources map[string]Scope
	dropped []dropped
}

// merge puts the revisions of the scopes, the widest first, that are in force at
// a time on the defaults. One that cannot work is left out as a whole.
func (b book) merge(scopes []Scope, at time.Time) merged {
	m := merged{params: detect.Defaults(), sources: map[string]Scope{}}
	var names []string
	for _, s := range scopes {
		r := b.at(s, at)
		if r == nil {
			continue
		}
		params := *m.params
		if err := Apply(&params, r.Set); err != nil {
			m.dropped = append(m.dropped, dropped{s, r.Number, err})
			continue
		}
		m.params = &params
		names = append(names, s.kind()+strconv.Itoa(r.Number))
		for key := range r.Set {
			m.sources[key] = s
		}
	}
	if m.version = strings.Join(names, "+"); m.version == "" {
		m.version = detect.DefaultVersion
	}
	return m
}

// timeline is the parameters at all times.
func (b book) timeline(scopes []Scope) (*detect.Timeline, []dropped) {
	times := []time.Time{{}}
	for _, s := range scopes {
		if e := b[s]; e != nil {
			for _, r := range e.revisions {
				times = append(times, r.From)
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	var bad []dropped
	revisions := make([]detect.Revision, len(times))
	for i, from := range times {
		m := b.merge(scopes, from)
		revisions[i] = detect.Revision{Version: m.version, From: from, Params: m.params}
		bad = append(bad, m.dropped...)
	}
	return detect.NewTimeline(revisions...), bad
}

// effective is the parameters at one time.
func (b book) effective(org, team, wearer schemas.ID, at time.Time) Effective {
	m := b.merge(chain(org, team, wearer), at)
	eff := Effective{Version: m.version, Params: m.params}
	for _, tunable := range detect.Tunables() {
		v := Value{Key: tunable.Key, Value: m.params.Get(tunable.Key)}
		if s, ok := m.sources[tunable.Key]; ok {
			v.Scope = &s
		}
		eff.Values = append(eff.Values, v)
	}
	return eff
}

// Apply sets parameters and says whether they work together. The error wraps
// detect.ErrParams and names the bound; params is unchanged then.
func Apply(params *detect.Params, set map[string]string) error {
	changed := *params
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if err := changed.Set(key, set[key]); err != nil {
			return err
		}
	}
	if err := changed.Validate(); err != nil {
		return fmt.Errorf("parameters do not work together: %w", err)
	}
	*params = changed
	return nil
}
