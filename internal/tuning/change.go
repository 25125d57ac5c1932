package tuning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Default as a value takes an override of the scope away: what the wider scopes
// say counts again.
const Default = "default"

// ErrUnchanged says that a change would change nothing; no revision was made.
var ErrUnchanged = errors.New("nothing changes")

// maxValue bounds a scope's revisions, in bytes as they are stored. The server
// takes messages of 1 MiB; this is some thousand changes.
const maxValue = 900 << 10

// Set changes parameters of a scope and returns the new revision once this copy
// has it. It merges with what the scope has set; Default takes a key away. It
// refuses what is out of bounds or would not work together, for the scope itself
// or for anybody below it: that error wraps detect.ErrParams and names the bound
// and whom it would hit. Of two who change at once, the second is checked against
// what the first has made of it. If the connection breaks the error says so, and
// the change may have been written: setting it again is harmless.
func (t *Tuning) Set(ctx context.Context, s Scope, changes map[string]string, by string) (Revision, error) {
	return t.change(ctx, s, by, func(set map[string]string) error {
		for _, key := range slices.Sorted(maps.Keys(changes)) {
			if err := edit(set, key, changes[key]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Reset takes the keys' overrides away from a scope, or all where none is given.
func (t *Tuning) Reset(ctx context.Context, s Scope, keys []string, by string) (Revision, error) {
	return t.change(ctx, s, by, func(set map[string]string) error {
		if len(keys) == 0 {
			clear(set)
		}
		for _, key := range keys {
			if err := edit(set, key, Default); err != nil {
				return err
			}
		}
		return nil
	})
}

// edit changes one key of a set, written as the parameters themselves write it.
func edit(set map[string]string, key, text string) error {
	params := detect.Defaults()
	if text != Default {
		if err := params.Set(key, text); err != nil {
			return err
		}
		set[key] = params.Get(key)
		return nil
	}
	if _, there := set[key]; !there && params.Get(key) == "" {
		return params.Set(key, text) // there is no such parameter; the error says which there are
	}
	delete(set, key)
	return nil
}

// change appends a revision by compare-and-set on the whole bucket, again when
// somebody else was faster: what was checked is what the change lands on.
func (t *Tuning) change(ctx context.Context, s Scope, by string, edit func(set map[string]string) error) (Revision, error) {
	if err := errors.Join(s.check(), checkBy(by)); err != nil {
		return Revision{}, err
	}
	for {
		if err := t.Sync(ctx); err != nil {
			return Revision{}, err
		}
		t.mu.RLock()
		applied, snapshot := t.applied, maps.Clone(t.book)
		t.mu.RUnlock()
		revisions, err := snapshot.propose(s, by, edit, t.o.Team)
		if err != nil {
			return Revision{}, fmt.Errorf("change parameters of %s: %w", s, err)
		}
		number := len(revisions)
		value, err := encode(revisions)
		if err != nil {
			return Revision{}, err
		}
		if len(value) > maxValue {
			return Revision{}, fmt.Errorf("change parameters of %s: its %d revisions are all that fits in %d bytes", s, number-1, maxValue)
		}
		ack, err := t.js.Publish(ctx, bus.KeySubject(bus.BucketTuning, s.key()), value, jetstream.WithExpectLastSequence(applied))
		var api *jetstream.APIError
		if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		if err != nil {
			return Revision{}, fmt.Errorf("change parameters of %s: %w", s, err)
		}
		if err := t.waitFor(ctx, ack.Sequence); err != nil {
			return Revision{}, err
		}
		return t.History(s)[number-1], nil
	}
}

// propose is the scope's revisions with the new one, checked.
func (b book) propose(s Scope, by string, edit func(set map[string]string) error, team func(org, wearer schemas.ID) schemas.ID) ([]Revision, error) {
	old := b[s]
	if old == nil {
		old = &entry{}
	}
	if old.damage != nil {
		return nil, fmt.Errorf("what is in the bucket under %s must be repaired or deleted first: %w", s.key(), old.damage)
	}
	set := map[string]string{}
	if latest := b.at(s, forever); latest != nil {
		maps.Copy(set, latest.Set)
	}
	before := maps.Clone(set)
	if err := edit(set); err != nil {
		return nil, err
	}
	if maps.Equal(before, set) {
		return nil, ErrUnchanged
	}
	next := Revision{Number: len(old.revisions) + 1, Set: set, By: by}
	revisions := append(slices.Clip(old.revisions), next)
	changed := maps.Clone(b)
	changed[s] = &entry{revisions: revisions}
	if err := changed.check(b, s, team); err != nil {
		return nil, err
	}
	return revisions, nil
}

// check reports whom a change of a scope would break who works in old. Whoever
// is broken already is not this change's fault.
func (b book) check(old book, s Scope, team func(org, wearer schemas.ID) schemas.ID) error {
	for _, scopes := range b.below(s, team) {
		for _, d := range b.merge(scopes, forever).dropped {
			if d.scope == s {
				return d.err
			}
			same := func(o dropped) bool { return o.scope == d.scope }
			if !slices.ContainsFunc(old.merge(scopes, forever).dropped, same) {
				return fmt.Errorf("what is set for %s would not work with it: %w", d.scope, d.err)
			}
		}
	}
	return nil
}

// below is the chains that a change of s can break: its own, and that of each
// scope below it that has revisions, the widest first.
func (b book) below(s Scope, team func(org, wearer schemas.ID) schemas.ID) [][]Scope {
	scopes := []Scope{s}
	for other := range b {
		if other != s && (s.Org.IsZero() || other.Org == s.Org) && s.Wearer.IsZero() && other != (Scope{}) {
			scopes = append(scopes, other)
		}
	}
	slices.SortFunc(scopes[1:], func(x, y Scope) int { return strings.Compare(x.key(), y.key()) })
	var chains [][]Scope
	for _, other := range scopes {
		c := chain(other.Org, other.Team, other.Wearer)
		if !other.Wearer.IsZero() {
			c = chain(other.Org, team(other.Org, other.Wearer), other.Wearer)
		}
		if slices.Contains(c, s) {
			chains = append(chains, c)
		}
	}
	return chains
}

func checkBy(by string) error {
	if len(by) > 100 || strings.ContainsFunc(by, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("who makes a change is told in at most 100 bytes without control characters")
	}
	return nil
}
