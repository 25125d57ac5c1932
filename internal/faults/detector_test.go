//go:build faults

package faults

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// apart is a sitwell whose detectors are processes of their own.
type apart struct {
	*place
	core      *child
	detectors []*child
}

func startApart(t *testing.T, wearers, detectors int) *apart {
	t.Helper()
	a := &apart{place: newPlace(t, "")}
	a.core = a.start("--roles", "broker,ingest,notify,record,dashboard")
	for range detectors {
		a.detectors = append(a.detectors, a.detector())
	}
	a.awaitReady(a.core)
	a.enrol(wearers)
	return a
}

func (a *apart) detector() *child {
	return a.role("detect", "--nats", a.nats(), "--log-level", "debug")
}

// takeoverLimit is after what time another detector has judged what a dead one
// owned.
const takeoverLimit = 10 * time.Second

// A detector is killed when a finding is in the log and its checkpoint does not
// know it: it is found again, under the same id, and counts once.
func TestKillBetweenFindingAndCheckpoint(t *testing.T) {
	t.Parallel()
	a := startApart(t, 8, 1)
	found := make(chan *nats.Msg, 1000)
	_, err := a.connect().ChanSubscribe("findings.>", found)
	must(t, err)
	// Days back: whoever pours is faster than the clock, and would come to its future.
	f := a.fleet(0, 8, 1, time.Now().Add(-20*24*time.Hour))
	stop := f.pour(0, 10)
	kills, between := size(0, 4, 20), 0
	for range kills {
		select {
		case <-found:
		case <-time.After(patience):
			t.Fatal("nothing was found")
		}
		a.detectors[0].kill()
		if a.unsaved() {
			between++
		}
		a.detectors[0] = a.detector()
		for len(found) > 0 {
			<-found
		}
	}
	stop()
	f.flush()
	if between == 0 {
		t.Error("each time the checkpoint knew all that was found: this proves nothing")
	}
	a.check()
	a.detectors[0].stop() // which saves
	if a.unsaved() {
		t.Error("after a stop, which saves, there is a finding that no checkpoint holds")
	}
	ids := map[string]int{}
	for _, m := range a.messages(schemas.StreamFindings) {
		finding, err := schemas.DecodeFinding(m.Data)
		must(t, err)
		ids[finding.ID]++
	}
	figure(t, "killed %d times, %d of them between a finding and its checkpoint; %d findings in the log", kills, between, len(ids))
	for id, n := range ids {
		if n > 1 {
			t.Errorf("finding %s stands %d times in the log", id, n)
		}
	}
}

// unsaved reports whether of the findings in the log there is one whose reading no
// checkpoint holds: the next detector is to find it again.
func (a *apart) unsaved() bool {
	a.t.Helper()
	newest := map[int]schemas.Finding{} // of each partition
	for _, m := range a.messages(schemas.StreamFindings) {
		f, err := schemas.DecodeFinding(m.Data)
		must(a.t, err)
		newest[schemas.Partition(f.Org, f.Wearer, a.log().Partitions())] = f
	}
	saved := map[string]uint64{}
	for _, entry := range a.heads() {
		var h map[int]any
		must(a.t, cbor.Unmarshal(entry.Value(), &h))
		saved[entry.Key()], _ = h[headSeq].(uint64)
	}
	proved, from := map[id]uint64{}, uint64(math.MaxUint64) // the sequence saved, by reading
	for n, f := range newest {
		seq := saved[fmt.Sprintf("detect.%d", n)]
		proved[id{f.Device, f.Boot, f.Seq}] = seq
		from = min(from, seq)
	}
	if len(newest) == 0 {
		return false
	}
	for _, m := range a.rest(schemas.StreamReadings, from+1) {
		for _, r := range identities(a.t, m.Data) {
			if seq, is := proved[r]; is && m.Seq > seq {
				return true
			}
		}
	}
	return false
}

// identities names the readings of a record of the log.
func identities(t testing.TB, data []byte) (list []id) {
	t.Helper()
	var records schemas.RecordReader
	must(t, records.Reset(data))
	for {
		var b schemas.Batch
		more, err := records.Next(&b)
		must(t, err)
		if !more {
			return list
		}
		for i := range b.Items {
			list = append(list, id{b.Device, b.Boot, b.Items[i].Seq})
		}
	}
}

// Of a checkpoint's head, its sequence.
const headSeq = 3

func (a *apart) checkpoints() jetstream.KeyValue {
	a.t.Helper()
	kv, err := a.log().KV(a.t.Context(), bus.BucketCheckpoints)
	must(a.t, err)
	return kv
}

// entries are the keys of all checkpoints; heads are those without chunks.
func (a *apart) entries() []jetstream.KeyValueEntry {
	a.t.Helper()
	kv := a.checkpoints()
	watch, err := kv.Watch(a.t.Context(), "detect.>", jetstream.IgnoreDeletes())
	must(a.t, err)
	defer func() { _ = watch.Stop() }()
	var list []jetstream.KeyValueEntry
	for entry := range watch.Updates() {
		if entry == nil { // all there was
			break
		}
		list = append(list, entry)
	}
	return list
}

func (a *apart) heads() []jetstream.KeyValueEntry {
	a.t.Helper()
	var list []jetstream.KeyValueEntry
	for _, entry := range a.entries() {
		if strings.Count(entry.Key(), ".") == 1 {
			list = append(list, entry)
		}
	}
	return list
}

// messages is all of a stream.
func (p *place) messages(stream string) []bus.Msg {
	p.t.Helper()
	return p.rest(stream, 1)
}

// rest is what a stream holds from a sequence on.
func (p *place) rest(stream string, from uint64) []bus.Msg {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	log := p.log()
	last, err := log.LastSeq(ctx, stream)
	must(p.t, err)
	if last < from {
		return nil
	}
	r, err := log.Reader(ctx, stream, nil, from)
	must(p.t, err)
	defer r.Close()
	var list []bus.Msg
	for {
		m, err := r.Next(ctx)
		must(p.t, err)
		if list = append(list, m); m.Seq >= last {
			return list
		}
	}
}

// count is how many messages a stream holds.
func (p *place) count(stream string) int {
	p.t.Helper()
	js, err := jetstream.New(p.connect())
	must(p.t, err)
	s, err := js.Stream(p.t.Context(), stream)
	must(p.t, err)
	return int(s.CachedInfo().State.Msgs)
}

// One of two detectors is killed in mid-episode: the other takes its partitions
// over and makes the same of them.
func TestDetectorKilledInMidEpisode(t *testing.T) {
	t.Parallel()
	a := startApart(t, 16, 2)
	a.spread(2)
	f := a.fleet(0, 16, 1, time.Now().Add(-2*time.Hour))
	f.all(0, 90, 10)
	a.settle()
	var slowest time.Duration
	at := 90 // in the middle of somebody's slouch, and it stays there
	for round := range size(0, 2, 10) {
		victim := a.detectors[round%2]
		killed := time.Now()
		victim.kill()
		f.all(at, at+60, 10)
		a.settle()
		slowest = max(slowest, time.Since(killed))
		a.detectors[round%2] = a.detector()
		a.spread(2)
		at += 60
	}
	f.all(at, 1800, 30)
	a.check()
	figure(t, "judged again %s after the kill of a detector, at the slowest", slowest.Round(time.Millisecond))
	if slowest > takeoverLimit+slack {
		t.Errorf("the takeover took %s, the limit is %s", slowest, takeoverLimit)
	}
}

// One of two detectors is paused in mid-episode and goes on when the other owns
// its partitions: the stale one is fenced, and the episodes are the same.
func TestDetectorPaused(t *testing.T) {
	t.Parallel()
	a := startApart(t, 16, 2)
	a.spread(2)
	f := a.fleet(0, 16, 1, time.Now().Add(-2*time.Hour))
	f.all(0, 90, 10)
	a.settle()
	at := 90
	for round := range size(0, 2, 10) {
		stale := a.detectors[round%2]
		stale.signal(syscall.SIGSTOP)
		paused := time.Now()
		f.all(at, at+60, 10)
		a.settle()
		if took := time.Since(paused); took > takeoverLimit+slack {
			t.Errorf("a paused detector held its partitions up for %s", took)
		}
		stale.signal(syscall.SIGCONT)
		f.all(at+60, at+120, 10)
		a.settle()
		a.spread(2)
		at += 120
	}
	f.all(at, 1800, 30)
	a.check()
	for _, d := range a.detectors {
		d.runs()
	}
}

// Two detectors that both hold a partition for theirs: one is paused while it
// has readings to judge, the other takes over and judges them, and then the
// first one, which knows nothing of it, goes on with what it had.
func TestTwoDetectorsOnOnePartition(t *testing.T) {
	t.Parallel()
	a := startApart(t, 16, 2)
	a.spread(2)
	f := a.fleet(0, 16, 1, time.Now().Add(-20*24*time.Hour))
	at := 0
	for round := range size(0, 3, 10) {
		stop := f.pour(at, 10)
		enough := f.acknowledged() + 2000
		eventually(t, "there is something to judge", func() bool { return f.acknowledged() > enough })
		stale := a.detectors[round%2]
		stale.signal(syscall.SIGSTOP)
		at = stop()
		f.flush()
		a.settle() // the other one has judged all
		stale.signal(syscall.SIGCONT)
		a.spread(2)
	}
	f.all(at, at+600, 30)
	a.check()
	for _, d := range a.detectors {
		d.runs()
	}
}

// spread waits until so many detectors share the partitions evenly.
func (a *apart) spread(detectors int) {
	a.t.Helper()
	var counts []int
	defer func() {
		if a.t.Failed() {
			a.t.Logf("partitions owned: %v", counts)
		}
	}()
	eventually(a.t, fmt.Sprintf("%d detectors share the partitions", detectors), func() bool {
		counts = a.owned()
		if len(counts) != detectors {
			return false
		}
		sum, least, most := 0, bus.DefaultPartitions, 0
		for _, n := range counts {
			sum, least, most = sum+n, min(least, n), max(most, n)
		}
		return sum == bus.DefaultPartitions && most-least <= 1
	})
}

// A checkpoint that cannot be read is rebuilt from the log.
func TestCorruptCheckpoint(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]byte) []byte{
		"garbage":   func([]byte) []byte { return []byte("\xff\x00 no checkpoint") },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"one bit":   func(b []byte) []byte { b = append([]byte(nil), b...); b[len(b)/3] ^= 0x40; return b },
	} {
		t.Run(name, func(t *testing.T) {
			a := startApart(t, 8, 1)
			f := a.fleet(0, 8, 1, time.Now().Add(-2*time.Hour))
			f.all(0, 90, 10)
			a.settle()
			a.detectors[0].stop() // which saves
			spoiled := 0
			for _, entry := range a.entries() {
				_, err := a.checkpoints().Put(t.Context(), entry.Key(), spoil(entry.Value()))
				must(t, err)
				spoiled++
			}
			if spoiled < 8 {
				t.Fatalf("there were %d keys of checkpoints to spoil", spoiled)
			}
			a.detectors[0] = a.detector()
			f.all(90, 1200, 30)
			a.check()
			a.detectors[0].runs()
		})
	}
}

// A version that follows this one may add fields, to messages and checkpoints,
// and this one may have to go on from there; the one before has not the newest.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	const later = 77 // a field that no version has yet
	for name, change := range map[string]func(head map[int]any){
		"back from a later version":  func(head map[int]any) { head[later] = "a field of the future" },
		"on from an earlier version": func(head map[int]any) { keepOnly(head, 1, 2, 3, 4, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			a := startApart(t, 8, 1)
			f := a.fleet(0, 8, 1, time.Now().Add(-2*time.Hour))
			f.all(0, 90, 10)
			a.settle()
			a.detectors[0].stop()
			heads := a.heads()
			if len(heads) == 0 {
				t.Fatal("there are no checkpoints")
			}
			for _, entry := range heads {
				var head map[int]any
				must(t, cbor.Unmarshal(entry.Value(), &head))
				change(head)
				b, err := cbor.Marshal(head)
				must(t, err)
				_, err = a.checkpoints().Put(t.Context(), entry.Key(), b)
				must(t, err)
			}
			a.detectors[0] = a.detector()
			a.future(f, 90, 150)
			f.all(150, 1200, 30)
			a.check()
			if d := a.detectors[0]; d.out.has("judged from the beginning") || d.out.has("damaged") {
				t.Errorf("the checkpoints were not taken:\n%s", d.out)
			}
		})
	}
}

func keepOnly(m map[int]any, keys ...int) {
	kept := map[int]any{}
	for _, k := range keys {
		kept[k] = m[k]
	}
	clear(m)
	maps.Copy(m, kept)
}

// future publishes seconds from..to of everybody with fields nobody knows yet.
func (a *apart) future(f *fleet, from, to int) {
	a.t.Helper()
	for i, d := range f.devices {
		items := f.items(i, from, to)
		b := string(payload(f.boot, time.Now(), items))
		b = strings.Replace(b, `{"seq":`, `{"mood":{"of":["the","day"]},"seq":`, 1)
		b = strings.Replace(b, `"boot":`, `"firmware":"9.9","boot":`, 1)
		a.ledger.Sent(acme, wearer(f.first+i), d.ID(), f.boot, items)
		must(a.t, d.Publish(a.t.Context(), d.ID(), schemas.KindReadings, []byte(b)))
		must(a.t, d.Flush(a.t.Context()))
		f.onAck(wearer(f.first+i), d.ID(), f.boot, items)
	}
}
