package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// AddOrg registers an organisation; an empty zone is UTC.
func (r *Registry) AddOrg(ctx context.Context, o Org) error {
	if o.Zone == "" {
		o.Zone = "UTC"
	}
	if err := errors.Join(checkName(o.Name), checkZone(o.Zone)); err != nil {
		return fmt.Errorf("organisation %s: %w", o.ID, err)
	}
	return r.create(ctx, "organisation "+o.ID.String(), "org."+o.ID.String(), o)
}

// AddTeam registers a team of an organisation.
func (r *Registry) AddTeam(ctx context.Context, t Team) error {
	if _, ok := r.Org(t.Org); !ok {
		return fmt.Errorf("organisation %s %w", t.Org, ErrNotFound)
	}
	if err := checkName(t.Name); err != nil {
		return fmt.Errorf("team %s: %w", t.ID, err)
	}
	return r.create(ctx, "team "+t.ID.String(), "team."+t.Org.String()+"."+t.ID.String(), t)
}

// AddWearer registers a wearer of an organisation, with or without a team. It refuses the
// id of one who was just erased with ErrErased.
func (r *Registry) AddWearer(ctx context.Context, w Wearer) error {
	if _, ok := r.Org(w.Org); !ok {
		return fmt.Errorf("organisation %s %w", w.Org, ErrNotFound)
	}
	known := func(t Team) bool { return t.ID == w.Team }
	if !w.Team.IsZero() && !slices.ContainsFunc(r.Teams(w.Org), known) {
		return fmt.Errorf("team %s of organisation %s %w", w.Team, w.Org, ErrNotFound)
	}
	if err := errors.Join(checkName(w.Name), checkZone(w.Zone)); err != nil {
		return fmt.Errorf("wearer %s: %w", w.ID, err)
	}
	if err := r.erasedBefore(ctx, w.Org, w.ID); err != nil {
		return err
	}
	return r.create(ctx, "wearer "+w.ID.String(), wearerKey(w.Org, w.ID), w)
}

// AddDevice registers a device that nobody wears yet.
func (r *Registry) AddDevice(ctx context.Context, org, id schemas.ID) error {
	if _, ok := r.Org(org); !ok {
		return fmt.Errorf("organisation %s %w", org, ErrNotFound)
	}
	return r.create(ctx, "device "+id.String(), deviceKey(org, id), Device{Org: org, ID: id})
}

// Assign says that a wearer wears a device in From <= time < To. It refuses a
// time in which the device has another wearer or the wearer another device:
// release that one first.
func (r *Registry) Assign(ctx context.Context, org, device schemas.ID, a Assignment) error {
	if !a.To.IsZero() && !a.From.Before(a.To) {
		return fmt.Errorf("--to: %w: the assignment ends at %s, not after its start %s", ErrInvalid,
			a.To.Format(time.RFC3339), a.From.Format(time.RFC3339))
	}
	switch w, ok := r.Wearer(org, a.Wearer); {
	case !ok:
		return fmt.Errorf("wearer %s of organisation %s %w", a.Wearer, org, ErrNotFound)
	case w.Leaving:
		return fmt.Errorf("wearer %s of organisation %s is being erased: %w", a.Wearer, org, ErrInvalid)
	}
	for _, other := range r.Devices(org) {
		for _, b := range other.Assignments {
			if b.overlaps(a) && (other.ID == device || b.Wearer == a.Wearer) {
				return fmt.Errorf("the assignment %w another: %s is worn by %s; end that with `sitwell device release %s %s`",
					ErrOverlap, other.ID, b, org, other.ID)
			}
		}
	}
	return r.changeDevice(ctx, org, device, func(d *Device) error {
		d.Assignments = append(d.Assignments, a)
		slices.SortFunc(d.Assignments, func(x, y Assignment) int { return x.From.Compare(y.From) })
		return nil
	})
}

// Release ends a device's open assignment at a time.
func (r *Registry) Release(ctx context.Context, org, device schemas.ID, at time.Time) error {
	return r.changeDevice(ctx, org, device, func(d *Device) error {
		for i := range d.Assignments {
			if a := &d.Assignments[i]; a.To.IsZero() && a.From.Before(at) {
				a.To = at
				return nil
			}
		}
		return fmt.Errorf("nobody wears device %s at %s: an open assignment %w", device, at.Format(time.RFC3339), ErrNotFound)
	})
}

// create writes a new entry; the first one wins.
func (r *Registry) create(ctx context.Context, what, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", what, err)
	}
	revision, err := r.kv.Create(ctx, key, b)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("%s %w", what, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("add %s: %w", what, err)
	}
	return r.waitFor(ctx, revision)
}

// changeDevice rewrites a device.
func (r *Registry) changeDevice(ctx context.Context, org, device schemas.ID, change func(*Device) error) error {
	return rewrite(ctx, r, fmt.Sprintf("device %s of organisation %s", device, org), deviceKey(org, device), change)
}

// rewrite rewrites an entry by compare-and-set, again when somebody else was faster.
func rewrite[T any](ctx context.Context, r *Registry, what, key string, change func(*T) error) error {
	for {
		entry, err := r.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return fmt.Errorf("%s %w", what, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		var v T
		if err := json.Unmarshal(entry.Value(), &v); err != nil {
			return fmt.Errorf("decode %s: %w", what, err)
		}
		if err := change(&v); err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %s: %w", what, err)
		}
		revision, err := r.kv.Update(ctx, key, b, entry.Revision())
		var api *jetstream.APIError
		if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		if err != nil {
			return fmt.Errorf("change %s: %w", what, err)
		}
		return r.waitFor(ctx, revision)
	}
}

func deviceKey(org, id schemas.ID) string { return "device." + org.String() + "." + id.String() }
