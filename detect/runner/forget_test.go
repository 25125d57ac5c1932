package runner

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// holds are the keys of the bucket whose chunks have a wearer's state, those that no
// head names included.
func holds(t *testing.T, kv jetstream.KeyValue, wearer schemas.ID) (keys []string) {
	t.Helper()
	lister, err := kv.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key := range lister.Keys() {
		entry, err := kv.Get(t.Context(), key)
		if err != nil || !strings.HasPrefix(key, "detect.") {
			continue // it is gone meanwhile, or another's
		}
		var c chunk
		if cbor.Unmarshal(entry.Value(), &c) != nil {
			continue // a head
		}
		for _, s := range c.Wearers {
			if s.Wearer == wearer {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Who is erased leaves the runner and both slots of the checkpoint, also the chunks
// that are not needed any more; the others stay as they were.
func TestWhoIsErasedIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 3)
	half := len(o.records) / 2
	for _, part := range [][2]int{{0, half}, {half, len(o.records)}} { // a slot each
		w.publish(o, part[0], part[1])
		r := w.start()
		w.judge(r)
		r.finish()
	}
	kv := w.kv("checkpoints")
	gone, stays := o.wearers[0], o.wearers[1]
	if n := len(holds(t, kv, gone)); n != 2 {
		t.Fatalf("%d chunks hold the wearer", n)
	}
	r := w.start(func(o *Options) {
		o.Gone = func(_ context.Context, _, wearer schemas.ID) (bool, error) { return wearer == gone, nil }
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(holds(t, kv, gone)) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("still held in %v\n%s", holds(t, kv, gone), r.logs)
		}
	}
	r.finish()
	if len(holds(t, kv, stays)) == 0 {
		t.Error("another is forgotten, too")
	}
	again := w.start()
	w.judge(again)
	again.finish()
	if n := again.judged(); n != 0 {
		t.Errorf("%d readings were judged again", n)
	}
	w.same(o)
}
