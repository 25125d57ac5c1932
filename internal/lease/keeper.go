package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// Options are what a Keeper needs.
type Options struct {
	Members jetstream.KeyValue // in memory: a beat each second
	Leases  jetstream.KeyValue // on disk: who owns what
	Group   string             // of those who share the slots; part of a key
	Slots   int
	Member  Member // this process
	Logger  *slog.Logger
	// Restore makes the bucket of members anew where the server has lost it, as
	// one without the embedded broker does in a restart. Nil is that somebody else does.
	Restore func(ctx context.Context) error
}

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	switch {
	case !validName(o.Group):
		return fmt.Errorf("lease: the group %q has other than letters, digits, - and _", o.Group)
	case !validName(o.Member.Name):
		return fmt.Errorf("lease: the member's name %q has other than letters, digits, - and _", o.Member.Name)
	case o.Slots < 1:
		return fmt.Errorf("lease: %d slots; want at least one", o.Slots)
	}
	return nil
}

// Keeper keeps a member's share of the slots.
type Keeper struct {
	o       Options
	watch   *watching
	changed chan struct{} // holds one token: what Owned says has changed
	cancel  context.CancelFunc
	stopped sync.WaitGroup
	halt    func() // ends watch

	mu       sync.Mutex // guards what follows
	surplus  time.Time  // since when this member has had too many; zero: it has not
	sure     time.Time  // until then nobody can have thought this member dead
	give     map[int]bool
	released map[int]release
	told     map[int]uint64 // what changed was last said of
	shown    map[int]uint64 // by slot the last epoch that Owned has said to the user
}

// release is a slot that its user has finished with.
type release struct{ epoch, above uint64 }

// Join makes this process a member and returns once it has been heard. Slots come
// soon after; Close gives them back.
func Join(ctx context.Context, o Options) (*Keeper, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.Logger = o.Logger.With("group", o.Group)
	k := &Keeper{
		o: o, watch: newWatch(o.Members, o.Leases, o.Group, o.Slots, o.Logger),
		changed: make(chan struct{}, 1), give: map[int]bool{}, released: map[int]release{}, shown: map[int]uint64{},
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.cancel, k.halt = cancel, k.watch.start(run)
	if err := k.beat(ctx); err != nil {
		cancel()
		k.halt()
		return nil, fmt.Errorf("join %s: %w", o.Group, err)
	}
	k.stopped.Go(func() { k.live(run) })
	k.stopped.Go(func() { k.move(run) })
	return k, nil
}

// Changed delivers a token whenever Owned may say something else. One token says
// it of any number of changes.
func (k *Keeper) Changed() <-chan struct{} { return k.changed }

// Owned is the slots to work on now, each with its epoch: those this member was
// granted, without those that it should give back or has released. A slot that
// was there and is no more is to be finished with and released.
//
// sure is that the log has confirmed it within the last seconds, so that nobody
// can have taken a slot over without this being known here.
func (k *Keeper) Owned() (slots map[int]uint64, sure bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	slots = k.usable()
	maps.Copy(k.shown, slots)
	return slots, k.isSure()
}

// usable is the slots that are neither to be given back nor released. The caller
// holds mu.
func (k *Keeper) usable() map[int]uint64 {
	slots := map[int]uint64{}
	for n, g := range k.mine() {
		if _, released := k.released[n]; !released && !k.give[n] {
			slots[n] = g.Epoch
		}
	}
	return slots
}

// isSure is Owned's sure. The caller holds mu.
func (k *Keeper) isSure() bool { return time.Now().Before(k.sure) }

// Release gives a slot of an epoch back: its user has saved what it made of it and
// writes no more under that epoch. It does not wait. above is the highest epoch that
// the user has met in what it writes, or 0; the next owner's is higher. Of a slot
// that belongs to another one by now it changes nothing.
func (k *Keeper) Release(slot int, epoch, above uint64) {
	k.mu.Lock()
	if r := k.released[slot]; r.epoch == epoch {
		above = max(above, r.above)
	}
	k.released[slot] = release{epoch, above}
	k.mu.Unlock()
	k.watch.wake()
}

// mine is the grants of this member. The caller holds mu. What is released or to
// be given of other epochs is forgotten.
func (k *Keeper) mine() map[int]grant {
	entries, _, _ := k.watch.leases.state()
	mine := map[int]grant{}
	for n, g := range decode(entries, k.o.Slots) {
		if g.Owner == k.o.Member.Name {
			mine[n] = g
		}
	}
	for n, r := range k.released {
		if g, ok := mine[n]; !ok || g.Epoch > r.epoch {
			delete(k.released, n)
		}
	}
	return mine
}

// beatsAtOnce is how many beats may be under way: as many as there are in the time
// for which one waits. Above it one is left out.
const beatsAtOnce = int(2 * askWait / beatEvery)

// live beats. A beat does not wait for the one before, so that a slow link leaves no
// gap between the times for which this member is sure.
func (k *Keeper) live(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	t := trouble{k.o.Logger, "the log does not take this member's sign of life; after some seconds others take its work over", false}
	var beats sync.WaitGroup
	defer beats.Wait()
	ended, under := make(chan error, beatsAtOnce), 0
	for {
		select {
		case <-tick.C:
			if under < beatsAtOnce {
				under++
				beats.Go(func() { ended <- k.beat(ctx) })
			}
		case err := <-ended:
			under--
			t.note(ctx, err)
		case <-ctx.Done():
			return
		}
	}
}

// trouble is logged when it begins and when it is over, not each second.
type trouble struct {
	logger *slog.Logger
	what   string
	on     bool
}

func (t *trouble) note(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil || (err != nil) == t.on:
		return
	case err != nil:
		t.logger.Warn("trouble with leases", "what", t.what, "err", err)
	default:
		t.logger.Info("trouble with leases is over", "what", t.what)
	}
	t.on = err != nil
}

// beat says that this member lives, and makes sure of what it owns: whoever thought
// it dead before has taken its slots over before, so that the copy shows it.
func (k *Keeper) beat(ctx context.Context) error {
	start := time.Now()
	if err := within(ctx, k.say); err != nil {
		return err
	}
	var group errgroup.Group
	for _, v := range []*view{k.watch.members, k.watch.leases} {
		group.Go(func() error { return within(ctx, v.sync) })
	}
	if err := group.Wait(); err != nil {
		return err //nolint:wrapcheck // it says what was asked for
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if sure := start.Add(sureFor); sure.After(k.sure) && ctx.Err() == nil {
		k.sure = sure
	}
	return nil
}

// say writes the beat.
func (k *Keeper) say(ctx context.Context) error {
	b, err := json.Marshal(k.o.Member)
	if err != nil {
		return fmt.Errorf("encode member: %w", err)
	}
	if _, err := k.o.Members.Put(ctx, k.o.Group+"."+k.o.Member.Name, b); err != nil {
		return errors.Join(fmt.Errorf("write to bucket %s: %w", k.o.Members.Bucket(), err), k.restore(ctx, err))
	}
	return nil
}

// within asks the log, no longer than askWait.
func within(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return ask(ctx)
}

// restore makes the members' bucket anew if it is not there.
func (k *Keeper) restore(ctx context.Context, why error) error {
	lost := errors.Is(why, jetstream.ErrNoStreamResponse) || errors.Is(why, jetstream.ErrStreamNotFound)
	if k.o.Restore == nil || !lost {
		return nil
	}
	if err := k.o.Restore(ctx); err != nil {
		return fmt.Errorf("make bucket %s anew: %w", k.o.Members.Bucket(), err)
	}
	return nil
}

// move moves towards the even spread whenever something has changed, and again and
// again, because a claim may have failed and a surplus lasts.
func (k *Keeper) move(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	t := trouble{k.o.Logger, "leases cannot be changed, trying again", false}
	for {
		select {
		case <-k.watch.changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		t.note(ctx, k.step(ctx))
	}
}

// step does what this member's part of the plan is.
func (k *Keeper) step(ctx context.Context) error {
	err := k.freeReleased(ctx)
	grants, living, known := k.watch.grants()
	if !known {
		return err
	}
	p := k.adopt(grants, living)
	if err == nil {
		err = k.claim(ctx, grants, p.claim)
	}
	k.tell()
	return err
}

// adopt makes a plan and notes what of it the user has to do: to finish with slots.
// Of one that the user has never been told of there is nothing to wait for.
func (k *Keeper) adopt(grants []grant, living map[string]bool) plan {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, me := plan{}, k.o.Member.Name
	if k.isSure() && living[me] {
		p = spread(grants, living, me)
	}
	k.give = map[int]bool{}
	switch {
	case len(p.give) == 0:
		k.surplus = time.Time{}
		return p
	case k.surplus.IsZero():
		k.surplus = time.Now()
	}
	if time.Since(k.surplus) < giveAfter {
		return p
	}
	for _, n := range p.give {
		k.give[n] = true
		if epoch := grants[n].Epoch; k.shown[n] != epoch {
			k.released[n] = release{epoch: epoch}
			k.watch.wake()
		}
	}
	return p
}

// claim takes free slots over. Whom somebody was faster than has nothing to do.
func (k *Keeper) claim(ctx context.Context, grants []grant, slots []int) error {
	next := map[int]grant{}
	for _, n := range slots {
		next[n] = grant{Owner: k.o.Member.Name, Label: k.o.Member.Label, Epoch: grants[n].Epoch + 1, revision: grants[n].revision}
	}
	if err := k.swap(ctx, next); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

// freeReleased makes the slots free that their user has finished with.
func (k *Keeper) freeReleased(ctx context.Context) error {
	k.mu.Lock()
	mine, next := k.mine(), map[int]grant{}
	for n, r := range k.released {
		next[n] = grant{Epoch: max(mine[n].Epoch, r.above), revision: mine[n].revision}
	}
	k.mu.Unlock()
	if err := k.swap(ctx, next); err != nil {
		return fmt.Errorf("give back: %w", err)
	}
	return nil
}

// swapsAtOnce is how many grants are written at a time: one after the other a slow
// link would hold a takeover up for minutes. Above it the others wait.
const swapsAtOnce = 32

// swap writes grants, each if nobody has since its revision, and returns once the own
// copy shows what came of it.
func (k *Keeper) swap(ctx context.Context, next map[int]grant) error {
	if len(next) == 0 {
		return nil
	}
	written, lost, err := k.write(ctx, next)
	if err != nil {
		return err
	}
	if lost { // what is there instead nobody has told
		return within(ctx, k.watch.leases.sync)
	}
	return within(ctx, func(ctx context.Context) error { return k.watch.leases.reach(ctx, written) })
}

// write writes grants. It says the highest revision that it made, and whether
// somebody was faster.
func (k *Keeper) write(ctx context.Context, next map[int]grant) (written uint64, lost bool, err error) {
	var mu sync.Mutex // guards written and lost
	var group errgroup.Group
	group.SetLimit(swapsAtOnce)
	for n, g := range next {
		group.Go(func() error {
			revision, err := k.swapOne(ctx, n, g)
			if err != nil {
				return fmt.Errorf("%s %d: %w", k.o.Group, n, err)
			}
			mu.Lock()
			defer mu.Unlock()
			written, lost = max(written, revision), lost || revision == 0
			return nil
		})
	}
	err = group.Wait()
	return written, lost, err
}

// swapOne writes a grant; revision 0 is that somebody else has.
func (k *Keeper) swapOne(ctx context.Context, slot int, g grant) (revision uint64, err error) {
	b, err := json.Marshal(g)
	if err != nil {
		return 0, fmt.Errorf("encode lease: %w", err)
	}
	err = within(ctx, func(ctx context.Context) error {
		revision, err = k.o.Leases.Update(ctx, k.o.Group+"."+strconv.Itoa(slot), b, g.revision)
		return err //nolint:wrapcheck // swap says what for
	})
	if errors.Is(err, jetstream.ErrKeyExists) { // also says that the revision is another
		return 0, nil
	}
	return revision, err
}

// tell says so if what is owned has changed.
func (k *Keeper) tell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	owned := k.usable()
	if maps.Equal(owned, k.told) {
		return
	}
	k.told = owned
	select {
	case k.changed <- struct{}{}:
	default: // there is a token already
	}
}

// Close takes leave and gives every slot back, so that others go on at once. The
// work on the slots must be saved before. While the log does not answer, others
// notice after some seconds; Close then says so when ctx ends.
func (k *Keeper) Close(ctx context.Context) error {
	k.cancel()
	k.stopped.Wait()
	defer k.halt()
	k.mu.Lock()
	mine := k.mine()
	k.sure = time.Time{}
	k.mu.Unlock()
	if err := k.o.Members.Delete(ctx, k.o.Group+"."+k.o.Member.Name); err != nil {
		return fmt.Errorf("leave %s: %w", k.o.Group, err)
	}
	for n, g := range mine {
		mine[n] = grant{Epoch: g.Epoch, revision: g.revision}
	}
	if _, _, err := k.write(ctx, mine); err != nil {
		return fmt.Errorf("give back: %w", err)
	}
	return nil
}
