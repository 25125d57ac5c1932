package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sitwell/schemas"
)

// Lease says which partitions this runner owns.
type Lease interface {
	// Changed delivers a token whenever Owned may say something else.
	Changed() <-chan struct{}
	// Owned is the partitions to judge, each with its epoch, which is higher for each
	// owner than for all before it. sure is that nobody can have taken one of them over
	// without this being known here.
	Owned() (partitions map[int]uint64, sure bool)
	// Release says that the runner has saved a partition and writes no more under that
	// epoch. above is the highest epoch that it met in the checkpoints, or 0: the next
	// owner's must be higher. It must not wait.
	Release(partition int, epoch, above uint64)
}

// alone is the lease of a runner that owns all partitions. Its epochs follow from
// the checkpoints: one above what is there.
type alone struct{ epochs map[int]uint64 }

func newAlone(partitions int) *alone {
	a := &alone{epochs: map[int]uint64{}}
	for n := range partitions {
		a.epochs[n] = 1
	}
	return a
}

func (a *alone) Changed() <-chan struct{}      { return nil }
func (a *alone) Owned() (map[int]uint64, bool) { return maps.Clone(a.epochs), true }
func (a *alone) Release(int, uint64, uint64)   {}

// settle makes the set of partitions what the lease says: those that went are
// saved and released, those that came are loaded, and the log is read anew from
// the least position. It runs between two records, so that the partitions that
// stay lose nothing but some milliseconds. What could not be done is tried again.
func (r *Runner) settle(ctx context.Context) error {
	owned, _ := r.owned()
	gone := r.leaving(owned)
	if err := r.leave(ctx, gone); err != nil {
		return err
	}
	came, err := r.enter(ctx, owned)
	r.metrics.owned.Set(float64(r.count()))
	if len(gone)+came > 0 {
		r.closeReader()
	}
	if r.reader == nil && r.count() > 0 {
		err = errors.Join(err, r.openReader(ctx))
	}
	r.again = nil
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	r.o.Logger.Warn("some partitions wait for the log, trying again", "err", err)
	r.again = time.After(enterAgain)
	return nil
}

// owned asks the lease. What it has said before and says no more, and is not held
// because it could not be loaded meanwhile, is released.
func (r *Runner) owned() (partitions map[int]uint64, sure bool) {
	partitions, sure = r.lease.Owned()
	for n, epoch := range r.shown {
		if p := r.partitions[n]; partitions[n] != epoch && (p == nil || p.epoch != epoch) {
			r.lease.Release(n, epoch, 0)
		}
	}
	r.shown = partitions
	return partitions, sure
}

// leaving is the partitions that are held and no more owned under their epoch.
func (r *Runner) leaving(owned map[int]uint64) []*partition {
	var gone []*partition
	for _, p := range r.partitions {
		if p != nil && owned[p.n] != p.epoch {
			gone = append(gone, p)
		}
	}
	return gone
}

// leave saves partitions and lets go of them. One that cannot be saved goes all the
// same: its next owner judges again what has come since the checkpoint.
func (r *Runner) leave(ctx context.Context, gone []*partition) error {
	if len(gone) == 0 {
		return nil
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	moved := slices.DeleteFunc(slices.Clone(gone), func(p *partition) bool { return !p.dirty && r.last <= p.saved })
	errs := r.saveAll(ctx, moved)
	fenced, unsaved, why := 0, 0, error(nil)
	for _, p := range gone {
		err := errs[p]
		if err != nil && ctx.Err() != nil {
			return err
		}
		switch {
		case errors.Is(err, errFenced):
			fenced++
		case err != nil:
			unsaved, why = unsaved+1, err
		}
		r.drop(p, err)
	}
	r.sayFenced(fenced)
	if unsaved > 0 {
		r.o.Logger.Warn("some partitions go without their last checkpoint, their next owners judge some of it again", "partitions", unsaved, "err", why)
	}
	return nil
}

// sayFenced says in one line that partitions were let go of because of others.
func (r *Runner) sayFenced(n int) {
	if n > 0 {
		r.o.Logger.Warn("another detector has taken over partitions of this one, which goes on with the others", "partitions", n)
	}
}

// drop lets go of a partition, after an error or without.
func (r *Runner) drop(p *partition, err error) {
	fence := &fenced{}
	if errors.As(err, &fence) {
		r.metrics.fenced.Inc()
		r.o.Logger.Debug("another detector has this partition", "partition", p.n, "epoch", p.epoch, "its_epoch", fence.epoch)
	}
	r.partitions[p.n] = nil
	if r.shown[p.n] == p.epoch {
		delete(r.shown, p.n)
	}
	r.progress.forget(p.n)
	r.lease.Release(p.n, p.epoch, fence.epoch)
}

// enter loads the partitions that are owned and not held. It says how many came;
// after an error, which says what did not, those can begin.
func (r *Runner) enter(ctx context.Context, owned map[int]uint64) (came int, err error) {
	missing := map[int]uint64{}
	for n, epoch := range owned {
		if r.partitions[n] == nil {
			missing[n] = epoch
		}
	}
	all := r.takeOver(ctx, missing)
	var fresh []*partition
	var errs []error
	lost := 0
	for _, n := range slices.Sorted(maps.Keys(all)) {
		t := all[n]
		fence := &fenced{}
		switch {
		case errors.As(t.err, &fence):
			r.drop(&partition{n: n, epoch: owned[n]}, t.err)
			lost++
		case t.err != nil: // the log does not answer
			errs = append(errs, t.err)
		default:
			if r.all != nil {
				r.all.epochs[n] = t.p.epoch
			}
			fresh = append(fresh, r.load(t))
		}
	}
	r.sayFenced(lost)
	r.begin(fresh)
	return len(fresh), first(errs)
}

// first is the first of some errors, which mostly say the same.
func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return fmt.Errorf("%w, and %d more", errs[0], len(errs)-1)
}

// begin takes loaded partitions in. The position of the reader becomes the least of
// all: what a partition has seen beyond that it skips.
func (r *Runner) begin(fresh []*partition) {
	if len(fresh) == 0 {
		return
	}
	for _, p := range r.held() {
		p.seq = max(p.seq, r.last) // the log was read in order: there is no more of it
	}
	for _, p := range fresh {
		r.partitions[p.n] = p
	}
	r.closeReader()
	r.last = slices.MinFunc(r.held(), func(a, b *partition) int { return cmp.Compare(a.seq, b.seq) }).seq
}

// held is the partitions that are judged here.
func (r *Runner) held() []*partition {
	return slices.DeleteFunc(slices.Clone(r.partitions), func(p *partition) bool { return p == nil })
}

func (r *Runner) count() int { return len(r.held()) }

// openReader reads the held partitions from behind the last record that all have seen.
func (r *Runner) openReader(ctx context.Context) error {
	var subjects []string
	if held := r.held(); len(held) < len(r.partitions) { // of all, no filter costs less
		for _, p := range held {
			subjects = append(subjects, schemas.ReadingsSubject(p.n))
		}
	}
	for {
		reader, err := r.o.Log.Reader(ctx, schemas.StreamReadings, subjects, r.last+1)
		if err != nil {
			return err
		}
		r.reader = reader
		if !r.inLog(reader.Stream()) {
			return nil
		}
		r.closeReader() // it begins anew, from where the log does
	}
}

// closeReader ends the reader. Nobody waits for it to tell the server so, at most a
// second, before Run ends.
func (r *Runner) closeReader() {
	if r.reader != nil {
		r.closing.Go(r.reader.Close)
		r.reader = nil
	}
}
