package lease

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
)

func TestMembersShareEvenlyAsTheyComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.join()
	t.Logf("one member had all after %v", w.spread(a))
	b := w.join()
	took := w.spread(a, b)
	c := w.join()
	took = max(took, w.spread(a, b, c))
	t.Logf("after a join all was even in %v at most", took)
	b.leave()
	left := w.spread(a, c)
	t.Logf("after one has left it took %v", left)
	if took > 10*time.Second || left > 3*time.Second {
		t.Errorf("even after %v, after a leave %v", took, left)
	}
	if names := w.names(); len(names) != 2 || slices.Contains(names, b.name) {
		t.Errorf("members are %v", names)
	}
}

func (w *world) names() []string {
	names := []string{}
	for _, m := range w.table().Members {
		names = append(names, m.Name)
	}
	return names
}

// What stays with somebody stays: only what must moves, and what moves gets a new
// epoch.
func TestNothingMovesThatNeedNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.spread(a, b)
	before := w.table()
	c := w.join()
	w.spread(a, b, c)
	after := w.table()
	moved := 0
	for n := range slots {
		switch {
		case after.Owners[n] == before.Owners[n]:
			if after.Epochs[n] != before.Epochs[n] {
				t.Errorf("slot %d stayed and its epoch went from %d to %d", n, before.Epochs[n], after.Epochs[n])
			}
		case after.Owners[n] != c.name:
			t.Errorf("slot %d went from one who stayed to another", n)
		default:
			moved++
			if after.Epochs[n] <= before.Epochs[n] {
				t.Errorf("slot %d moved and its epoch went from %d to %d", n, before.Epochs[n], after.Epochs[n])
			}
		}
	}
	if moved != slots/3 {
		t.Errorf("%d slots moved, want %d", moved, slots/3)
	}
}

func TestWhatSomebodyKilledOwnedIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.join(), w.join(), w.join()
	w.spread(a, b, c)
	before := w.table()
	c.kill()
	took := w.spread(a, b)
	t.Logf("taken over %v after the kill", took)
	if took > 10*time.Second {
		t.Errorf("taken over after %v", took)
	}
	after := w.table()
	for n, owner := range before.Owners {
		if stays := owner != c.name; stays != (after.Owners[n] == owner) || stays != (after.Epochs[n] == before.Epochs[n]) {
			t.Errorf("slot %d went from %s under %d to %s under %d", n, owner, before.Epochs[n], after.Owners[n], after.Epochs[n])
		}
	}
}

// A member that is cut off, and as far as it knows connected, loses its slots and
// knows that it cannot be sure. Back again it shares anew.
func TestAMemberThatIsCutOffHoldsNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.spread(a, b)
	b.plug.pull(true)
	w.eventually("doubt", func() bool { _, sure := b.Owned(); return !sure })
	if owners := w.table().Owners; !slices.Contains(owners, b.name) && slices.Contains(owners, "") {
		t.Error("the slots were taken before the owner had doubts")
	}
	took := w.spread(a)
	t.Logf("taken over %v after the doubt", took)
	if owned, sure := b.Owned(); sure || len(owned) != slots/2 {
		t.Errorf("cut off it thinks that it owns %v, sure: %v", owned, sure)
	}
	b.plug.pull(false)
	w.spread(a, b)
}

// A restart of the server empties the bucket of members. Nobody loses anything.
func TestARestartOfTheServerMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.spread(a, b)
	before := w.table()
	w.broker.Stop()
	w.eventually("doubt", func() bool { _, sure := a.Owned(); return !sure })
	w.boot()
	w.eventually("a log", func() bool {
		_, err := bus.Open(t.Context(), w.nc, bus.Options{})
		return err == nil
	})
	w.eventually("members", func() bool { return len(w.names()) == 2 })
	w.spread(a, b)
	// Longer than it takes to be thought dead.
	heard := time.Now()
	w.eventually("some seconds", func() bool { return time.Since(heard) > deadAfter+2*beatEvery })
	if after := w.table(); !slices.Equal(after.Owners, before.Owners) || !slices.Equal(after.Epochs, before.Epochs) {
		t.Errorf("moved from %+v to %+v", before, after)
	}
	c := w.join()
	w.spread(a, b, c)
}

// Where no broker of sitwell's makes the bucket anew, the members do.
func TestMembersMakeTheirBucketAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.join(func(o *Options) {
		o.Restore = func(ctx context.Context) error {
			_, err := bus.Open(ctx, w.nc, bus.Options{})
			return err
		}
	})
	w.spread(a)
	js, err := jetstream.New(w.nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), bus.BucketMembers); err != nil {
		t.Fatal(err)
	}
	w.eventually("a new bucket", func() bool {
		_, err := js.KeyValue(t.Context(), bus.BucketMembers)
		return err == nil && len(w.names()) == 1
	})
	w.spread(a)
}

func TestAReleaseRaisesTheEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.join()
	w.spread(a)
	owned, _ := a.Owned()
	a.Release(3, owned[3], 100)
	w.eventually("another epoch", func() bool { o, _ := a.Owned(); return o[3] == 101 })
	a.Release(3, owned[3], 500) // of an epoch that is over
	a.Release(4, owned[4], 0)
	w.eventually("another epoch", func() bool { o, _ := a.Owned(); return o[4] == owned[4]+1 })
	if o, _ := a.Owned(); o[3] != 101 {
		t.Errorf("a release of an old epoch counts: %d", o[3])
	}
}

// Nothing is gone for good when somebody deletes or spoils leases.
func TestSpoiltLeasesAreGrantedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.join()
	w.spread(a)
	kv := w.kv(w.nc, bus.BucketLeases)
	if err := kv.Delete(t.Context(), "work.1"); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"work.2": "nonsense", "work.3": `{"owner":"nobody","epoch":9}`, "work.99": "{}", "other.4": `{"owner":"x"}`} {
		if _, err := kv.PutString(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("a loss", func() bool { o, _ := a.Owned(); return len(o) < slots || o[3] == 10 })
	w.spread(a)
	if o, _ := a.Owned(); o[3] != 10 {
		t.Errorf("the epoch of slot 3 is %d, want 10", o[3])
	}
}

func TestWatchShowsEachChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	tables := make(chan Table, 1000)
	done := make(chan error, 1)
	members, leases := w.kv(w.nc, bus.BucketMembers), w.kv(w.nc, bus.BucketLeases)
	go func() {
		done <- Watch(ctx, members, leases, "work", slots, func(t Table) { tables <- t })
	}()
	owners := func(want ...string) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case got := <-tables:
				names := map[string]bool{}
				for _, o := range got.Owners {
					names[o] = true
				}
				members := map[string]bool{}
				for _, m := range got.Members {
					members[m.Name] = true
				}
				delete(members, "")
				if slices.Equal(slices.Sorted(maps.Keys(names)), slices.Sorted(slices.Values(want))) && (want[0] == "" || maps.Equal(members, names)) {
					return
				}
			case <-deadline:
				t.Fatalf("owners %v were not shown", want)
			}
		}
	}
	owners("")
	a := w.join()
	owners(a.name)
	b := w.join()
	owners(a.name, b.name)
	b.kill()
	owners(a.name)
	a.leave()
	owners("")
	cancel()
	if err := <-done; err == nil {
		t.Error("ended without an error")
	}
}

func TestJoinSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*Options){
		"no name":    func(o *Options) { o.Member.Name = "" },
		"a dot":      func(o *Options) { o.Member.Name = "a.b" },
		"no group":   func(o *Options) { o.Group = "" },
		"a wildcard": func(o *Options) { o.Group = "*" },
		"no slots":   func(o *Options) { o.Slots = 0 },
	} {
		o := w.options(w.nc)
		change(&o)
		if k, err := Join(t.Context(), o); err == nil {
			_ = k.Close(t.Context())
			t.Errorf("%s: no error", name)
		}
	}
	nc := w.connect(nil)
	o := w.options(nc)
	nc.Close()
	if _, err := Join(t.Context(), o); err == nil {
		t.Error("joined without a log")
	}
}

// The server's side of what a member watches by is deleted: it hears again.
func TestAMemberHearsAgainAfterItsWatchersWereDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.join()
	w.spread(a)
	js, err := jetstream.New(w.nc)
	if err != nil {
		t.Fatal(err)
	}
	deleted := 0
	for _, bucket := range []string{bus.BucketLeases, bus.BucketMembers} {
		stream, err := js.Stream(t.Context(), "KV_"+bucket)
		if err != nil {
			t.Fatal(err)
		}
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			deleted++
		}
	}
	if deleted < 2 {
		t.Fatalf("%d watchers were deleted", deleted)
	}
	b := w.join()
	took := w.spread(a, b)
	t.Logf("even after %v", took)
	if took > 15*time.Second {
		t.Errorf("even after %v", took)
	}
}
