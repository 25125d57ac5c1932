package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// Leave begins to remove a wearer: when it returns, nothing that comes is taken for
// them any more, in any process, whatever time it is of; ingest asks before it writes
// anything down. The answer has the devices that they wore, also when it is
// repeated after a part of Remove was done.
func (r *Registry) Leave(ctx context.Context, org, wearer schemas.ID) (Wearer, error) {
	if err := r.CatchUp(ctx, time.Now()); err != nil {
		return Wearer{}, err
	}
	var left Wearer
	what := fmt.Sprintf("wearer %s of organisation %s", wearer, org)
	err := rewrite(ctx, r, what, wearerKey(org, wearer), func(w *Wearer) error {
		w.Leaving = true
		w.Devices = r.alsoWorn(org, wearer, w.Devices)
		left = *w
		return nil
	})
	return left, err
}

// alsoWorn adds the devices that a wearer ever wore, as the copy knows.
func (r *Registry) alsoWorn(org, wearer schemas.ID, known []schemas.ID) []schemas.ID {
	for _, d := range r.Devices(org) {
		if d.wornBy(wearer) && !slices.Contains(known, d.ID) {
			known = append(known, d.ID)
		}
	}
	return known
}

// wornBy reports whether somebody ever wore the device.
func (d Device) wornBy(wearer schemas.ID) bool {
	return slices.ContainsFunc(d.Assignments, func(a Assignment) bool { return a.Wearer == wearer })
}

// Remove ends what Leave began: who wore which device when is forgotten, and then
// the wearer. The entries of devices keep values from before for a while: keys are
// those of the bucket that do. Their copies in other processes follow.
func (r *Registry) Remove(ctx context.Context, left Wearer) (keys []string, err error) {
	for _, d := range r.alsoWorn(left.Org, left.ID, left.Devices) {
		err := r.changeDevice(ctx, left.Org, d, func(d *Device) error {
			d.Assignments = slices.DeleteFunc(d.Assignments, func(a Assignment) bool { return a.Wearer == left.ID })
			return nil
		})
		if err != nil {
			return nil, err
		}
		keys = append(keys, deviceKey(left.Org, d))
	}
	return keys, nil
}

// Forget removes the wearer's own entry, the last trace of them here but for two marks: that
// there was one of that id, which other processes' copies need, and until when AddWearer
// refuses the id. What the entry was before stays in the bucket for the caller to remove.
func (r *Registry) Forget(ctx context.Context, org, wearer schemas.ID, until time.Time) error {
	b, err := json.Marshal(until)
	if err != nil {
		return fmt.Errorf("encode until when wearer %s is refused: %w", wearer, err)
	}
	if _, err := r.kv.Put(ctx, goneKey(org, wearer), b); err != nil {
		return fmt.Errorf("refuse wearer %s of organisation %s: %w", wearer, org, err)
	}
	if err := r.kv.Delete(ctx, wearerKey(org, wearer)); err != nil {
		return fmt.Errorf("remove wearer %s of organisation %s: %w", wearer, org, err)
	}
	end, err := r.end(ctx)
	if err != nil {
		return err
	}
	return r.waitFor(ctx, end)
}

// erasedBefore fails while a wearer of this id was erased so lately that what a new one's
// devices send would be taken for the old one's and dropped.
func (r *Registry) erasedBefore(ctx context.Context, org, wearer schemas.ID) error {
	entry, err := r.kv.Get(ctx, goneKey(org, wearer))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	var until time.Time
	if err == nil {
		err = json.Unmarshal(entry.Value(), &until)
	}
	switch {
	case err != nil:
		return fmt.Errorf("look whether wearer %s was erased: %w", wearer, err)
	case time.Now().Before(until):
		return fmt.Errorf("wearer %s of organisation %s %w: what is of before %s is dropped until then; add them after that",
			wearer, org, ErrErased, until.Format(time.RFC3339))
	}
	return nil
}

func goneKey(org, wearer schemas.ID) string { return "gone." + org.String() + "." + wearer.String() }

// Lapsed says which keys of the bucket are marks of an erasure that hold no longer: their
// time was before that.
func Lapsed(key string, value []byte, at time.Time) bool {
	var until time.Time
	return strings.HasPrefix(key, "gone.") && json.Unmarshal(value, &until) == nil && until.Before(at)
}

// Gone reports whether a wearer is not registered, or is leaving. For one who is it
// costs a look into the copy; of another the log is asked, so that it is sure. An error
// means that it does not answer.
func (r *Registry) Gone(ctx context.Context, org, wearer schemas.ID) (bool, error) {
	if w, ok := r.Wearer(org, wearer); ok {
		return w.Leaving, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	_, err := r.kv.Get(ctx, wearerKey(org, wearer))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the registry for wearer %s: %w", wearer, err)
	}
	return false, nil
}

// remove takes an entry that was deleted out of the copy. Only wearers are. The caller
// holds mu.
func (r *Registry) remove(kind, key string) {
	parts := strings.Split(key, ".")
	if kind != "wearer" || len(parts) != 3 {
		return
	}
	org, err := schemas.ParseID(parts[1])
	if err != nil {
		return
	}
	wearer, err := schemas.ParseID(parts[2])
	if err != nil {
		return
	}
	if o := r.orgs[org]; o != nil {
		delete(o.wearers, wearer)
	}
}
