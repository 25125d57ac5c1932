// Package runner lets the pure engine of package detect run on the log: it
// reads the READINGS of its partitions in order, keeps the wearers' state in
// memory, writes findings and rollups, and saves checkpoints.
//
// A checkpoint of a partition is its wearers' state after a sequence of the
// log, written once everything found up to there is on disk. After a crash the
// partition starts from its checkpoint's sequence + 1 and finds again what it
// had found since: detection is deterministic, so the findings carry the same
// ids and whoever reads them drops the second one. Acknowledgements play no
// part. A checkpoint that cannot be read is rebuilt from the beginning of the log.
//
// Several runners share the partitions by a Lease, each with an epoch. Whoever takes
// a partition over seals its checkpoint first: the one before is refused there
// from then on and lets go. DESIGN.md goes through the failures.
//
// One goroutine owns all of it and is the only one to call Parameters, Watched, Show
// and Lease; many partitions are loaded and saved at a time, each by a goroutine of its
// own for which that one waits. Settled asks all runners on a log how far they are. The tests run on the
// embedded server.
package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/internal/ops"
	"sitwell/schemas"
)

// Options are what a Runner needs.
type Options struct {
	Log         *bus.Bus
	Checkpoints jetstream.KeyValue
	Parameters  Parameters
	Registerer  prometheus.Registerer
	Logger      *slog.Logger
	// Watched reports whether somebody looks at a wearer now, and Show gets the
	// latest posture of those. Both are called from the runner's goroutine.
	Watched func(org, wearer schemas.ID) bool
	Show    func(org, wearer schemas.ID, p detect.Posture)
	// Lease says which partitions are this runner's, nil is all of them.
	Lease Lease
	// Known returns once everything about a wearer is known that Parameters go by,
	// such as the team. It is asked before a wearer of whom this runner has no state
	// is judged, by several goroutines at once when checkpoints are read. After an error
	// that must not be. Nil is that nothing is missing.
	Known func(ctx context.Context, org, wearer schemas.ID) error
	// Gone reports whether a wearer is erased, for sure; an error says that this cannot
	// be told now. It is asked of wearers whose readings have stopped, every few
	// seconds, and must cost next to nothing for those who are not. nil: nobody ever is.
	Gone func(ctx context.Context, org, wearer schemas.ID) (bool, error)
}

// Parameters are what wearers are judged by.
type Parameters interface {
	// Await returns nil when every change that can count for a record which the
	// log took at a time is known, so that whoever judges it judges alike. After
	// an error the record must not be judged.
	Await(ctx context.Context, taken time.Time) error
	// Generation changes when a timeline may have changed. It is asked before
	// Timeline, for each batch, and so must cost next to nothing.
	Generation() uint64
	// Timeline is a wearer's; it is the same pointer while nothing has changed.
	Timeline(org, wearer schemas.ID) *detect.Timeline
}

// The runner's rhythm.
const (
	// checkpointEvery bounds what is read again after a crash. The partitions
	// take turns in it, because nothing is judged during a save, which takes
	// some milliseconds for each.
	checkpointEvery = 10 * time.Second
	turns           = 10
	// idleAfter is how long a wearer's readings must have stopped coming before
	// the open minute is written as it stands.
	idleAfter = 5 * time.Second
	// rollupBatch is how many rollups, or marks, go into one message, at about 90 bytes;
	// so many of a partition are not kept back either.
	rollupBatch = 500
	// enterAgain is the pause before partitions that could not be taken over are
	// tried again.
	enterAgain = time.Second
	// awaitAgain is the pause after the log did not tell the parameters.
	awaitAgain = time.Second
	// drainWait bounds how long a stop waits for the log.
	drainWait = 5 * time.Second
)

// Runner runs the engine. It is used once.
type Runner struct {
	o          Options
	owner      string // names this run in the checkpoints
	metrics    *metrics
	lease      Lease
	all        *alone         // the lease, where the options have none
	chunk      int            // about how many bytes of state go into a chunk
	atOnce     int            // how many chunks of a slot are read or written at a time
	shown      map[int]uint64 // what the lease has said last
	partitions []*partition   // by number; nil is another's
	closing    sync.WaitGroup // of the readers before
	reader     *bus.Reader    // nil while there is nothing to read, or the log does not answer
	out        *bus.Outbox
	found      detect.Output // of the record that is being judged
	records    schemas.RecordReader
	last       uint64           // everything up to here has been read, of the partitions that are held
	again      <-chan time.Time // when to settle again, nil for not
	progress   progress
}

// partition is the state of one partition.
type partition struct {
	n       int
	epoch   uint64 // under which it is owned
	loaded  time.Time
	log     string // the log's identity, of which seq is; "" is not known
	seq     uint64 // the last sequence that is in the wearers' state
	dirty   bool   // the wearers' state differs from the checkpoint
	wiping  int    // slots of the checkpoint that may still hold somebody who was forgotten
	wearers map[key]*wearer
	judged  schemas.Judged // not yet written

	// The checkpoint: whether the head is known to be what is noted here, its
	// sequence and revision, the sequence of its chunks, their slot and number, and the
	// revisions of the chunks in both slots.
	sealed               bool
	saved, revision, cut uint64
	slot, count          int
	chunks               [2][]uint64
}

type key struct{ org, wearer schemas.ID }

// wearer is the engine's state and when it last got readings.
type wearer struct {
	*detect.Wearer
	generation uint64    // of the parameters it follows
	touched    time.Time // by the wall clock
	flushed    bool      // the open minute was written since
}

// New makes a Runner.
func New(o Options) *Runner {
	r := &Runner{
		o: o, owner: rand.Text(), metrics: newMetrics(o.Registerer), lease: o.Lease,
		partitions: make([]*partition, o.Log.Partitions()), progress: newProgress(), chunk: chunkBytes, atOnce: chunksAtOnce,
	}
	if r.lease == nil {
		r.all = newAlone(o.Log.Partitions())
		r.lease = r.all
	}
	return r
}

// Run works until ctx ends; then it saves its checkpoints, so that whoever owns the
// partitions next goes on here. It does not release them: the lease does that as
// soon as Run has returned.
func (r *Runner) Run(ctx context.Context) error {
	work, cancel := ops.Linger(ctx, drainWait)
	defer cancel()
	stop, err := r.serveSettled(work)
	if err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	defer stop()
	r.out = r.o.Log.Outbox(r.o.Logger)
	defer r.closing.Wait()
	defer r.closeReader()
	// After an error what was judged may not have been written: it must not
	// become a checkpoint, and the next run judges it again.
	if err := r.loop(ctx, work); err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	if err := r.save(work, 1, 0, 1); err != nil {
		return fmt.Errorf("stop detection: %w", err)
	}
	return ctx.Err()
}

// loop returns nil when ctx has ended, between two records. What it began with
// work has until the end of that.
func (r *Runner) loop(ctx, work context.Context) error {
	tick := time.NewTicker(idleAfter)
	defer tick.Stop()
	saved, turn := time.Now(), 0
	if err := r.settle(work); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := r.turn(ctx, work, tick.C); err != nil {
			return err
		}
		if time.Since(saved) < checkpointEvery/turns {
			continue
		}
		if err := r.checkpoint(work, turn); err != nil {
			return err
		}
		saved, turn = time.Now(), (turn+1)%turns
	}
	return nil
}

// turn does what is next: the lease before the log, so that a partition which is
// wanted elsewhere does not wait until all is read.
func (r *Runner) turn(ctx, work context.Context, tick <-chan time.Time) error {
	select {
	case <-r.lease.Changed():
		return r.settle(work)
	case <-r.again:
		return r.settle(work)
	default:
	}
	if r.reader != nil {
		if msg, ok := r.reader.TryNext(); ok {
			return r.take(work, msg)
		}
	}
	return r.wait(ctx, work, tick)
}

// checkpoint saves the partitions whose turn it is. A log that does not answer
// now is asked again at their next.
func (r *Runner) checkpoint(ctx context.Context, turn int) error {
	err := r.save(ctx, idleLag, turn, turns)
	if err == nil || errors.Is(err, errFenced) || ctx.Err() != nil {
		return err
	}
	r.o.Logger.Warn("checkpoint not saved, trying again", "err", err)
	return nil
}

// flush writes what was found and says how far that is.
func (r *Runner) flush(ctx context.Context) error {
	if err := r.writeRollups(ctx); err != nil {
		return err
	}
	if err := r.out.Flush(ctx); err != nil {
		return err
	}
	for _, p := range r.partitions {
		if p != nil {
			r.progress.reached(p.n, max(p.seq, r.last))
		}
	}
	return nil
}

// wait writes what has gathered while there was more to read, then waits for a
// message, a change of the lease, the time to look after idle wearers, or the end.
func (r *Runner) wait(ctx, work context.Context, tick <-chan time.Time) error {
	if err := r.flush(work); err != nil {
		return err
	}
	var msgs <-chan bus.Msg
	var done <-chan struct{}
	if r.reader != nil {
		msgs, done = r.reader.C(), r.reader.Done()
	}
	select {
	case msg := <-msgs:
		return r.take(work, msg)
	case <-r.lease.Changed():
		return r.settle(work)
	case <-r.again:
		return r.settle(work)
	case now := <-tick:
		if err := r.writeIdle(work, now); err != nil {
			return err
		}
		r.forget(work)
		return nil
	case <-ctx.Done():
		return nil
	case <-done:
		if ctx.Err() == nil {
			return r.reader.Err()
		}
		return nil
	}
}

// take judges one record of the log.
func (r *Runner) take(ctx context.Context, msg bus.Msg) error {
	r.last = msg.Seq
	n := r.partitionOf(msg.Subject)
	if n < 0 {
		r.skip(msg, fmt.Errorf("the subject is no partition of %d", len(r.partitions)))
		return nil
	}
	p := r.partitions[n]
	if p == nil || msg.Seq <= p.seq {
		return nil // another's by now, or in the checkpoint already
	}
	if err := r.await(ctx, msg.Time); err != nil {
		return err
	}
	p.seq, p.dirty = msg.Seq, true
	r.found.Reset()
	if err := r.judge(ctx, p, msg); err != nil {
		if ctx.Err() != nil {
			return err // this record was not judged: it must not become a checkpoint
		}
		r.skip(msg, err)
	}
	r.metrics.count(&r.found)
	p.judged.Rollups = append(p.judged.Rollups, r.found.Rollups...)
	p.judged.Late = append(p.judged.Late, r.found.Late...)
	if len(p.judged.Rollups)+len(p.judged.Late) >= rollupBatch {
		if err := r.writePartition(ctx, p); err != nil {
			return err
		}
	}
	for i := range r.found.Findings {
		if err := r.write(ctx, &r.found.Findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// await returns once the parameters for a record are known. A log that does not
// answer is asked again: nothing may be judged by what may be out of date.
func (r *Runner) await(ctx context.Context, taken time.Time) error {
	return r.insist(ctx, func() error { return r.o.Parameters.Await(ctx, taken) })
}

// know returns once everything about a wearer is known.
func (r *Runner) know(ctx context.Context, org, wearer schemas.ID) error {
	if r.o.Known == nil {
		return nil
	}
	return r.o.Known(ctx, org, wearer) //nolint:wrapcheck // it says what it waited for
}

// insist asks until it is answered.
func (r *Runner) insist(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil || ctx.Err() != nil {
			return err
		}
		r.o.Logger.Warn("detection waits until it knows the parameters", "err", err)
		select {
		case <-time.After(awaitAgain):
		case <-ctx.Done():
		}
	}
}

// partitionOf is a subject's partition, or -1.
func (r *Runner) partitionOf(subject string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(subject, "readings."))
	if err != nil || n < 0 || n >= len(r.partitions) {
		return -1
	}
	return n
}

// skip reports a record that cannot be read; one such record must not stop the
// others.
func (r *Runner) skip(msg bus.Msg, err error) {
	r.metrics.damaged.Inc()
	r.o.Logger.Error("record of the log skipped", "seq", msg.Seq, "subject", msg.Subject, "err", err)
}

// judge gives a record's batches to their wearers.
func (r *Runner) judge(ctx context.Context, p *partition, msg bus.Msg) error {
	if err := r.records.Reset(msg.Data); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	now := time.Now()
	var batch schemas.Batch
	for {
		more, err := r.records.Next(&batch)
		if err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		if !more {
			return nil
		}
		if p.wearers[key{batch.Org, batch.Wearer}] == nil {
			if err := r.insist(ctx, func() error { return r.know(ctx, batch.Org, batch.Wearer) }); err != nil {
				return err
			}
		}
		w := p.wearer(batch.Org, batch.Wearer, r.o.Parameters)
		w.touched, w.flushed = now, false
		r.found.Trace = r.o.Watched != nil && r.o.Watched(batch.Org, batch.Wearer)
		w.Take(&batch, &r.found)
		if n := len(r.found.Postures); n > 0 {
			r.o.Show(batch.Org, batch.Wearer, r.found.Postures[n-1])
			r.found.Postures = r.found.Postures[:0]
		}
	}
}

// wearer is one of the partition, judged by its present parameters.
func (p *partition) wearer(org, id schemas.ID, params Parameters) *wearer {
	k, generation := key{org, id}, params.Generation()
	w := p.wearers[k]
	switch {
	case w == nil:
		w = &wearer{Wearer: detect.NewWearer(org, id, params.Timeline(org, id)), generation: generation}
		p.wearers[k] = w
	case w.generation != generation:
		w.Follow(params.Timeline(org, id))
		w.generation = generation
	}
	return w
}

func (r *Runner) write(ctx context.Context, f *schemas.Finding) error {
	data, err := f.Encode()
	if err != nil {
		return err
	}
	r.metrics.findings.WithLabelValues(string(f.Rule), string(f.Step)).Inc()
	return r.out.Publish(ctx, schemas.FindingsSubject(f.Org, f.Wearer), data, f.ID)
}

func (r *Runner) writeRollups(ctx context.Context) error {
	for _, p := range r.partitions {
		if p == nil || len(p.judged.Rollups)+len(p.judged.Late) == 0 {
			continue
		}
		if err := r.writePartition(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// writePartition writes a partition's rollups and marks, in messages that fit.
func (r *Runner) writePartition(ctx context.Context, p *partition) error {
	for batch := range slices.Chunk(p.judged.Rollups, rollupBatch) {
		if err := r.writeJudged(ctx, p.n, schemas.Judged{Rollups: batch}); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(p.judged.Late, rollupBatch) {
		if err := r.writeJudged(ctx, p.n, schemas.Judged{Late: batch}); err != nil {
			return err
		}
	}
	p.judged.Rollups, p.judged.Late = p.judged.Rollups[:0], p.judged.Late[:0]
	return nil
}

func (r *Runner) writeJudged(ctx context.Context, n int, j schemas.Judged) error {
	data, err := j.Encode()
	if err != nil {
		return err
	}
	return r.out.Publish(ctx, schemas.RollupsSubject(n), data, "")
}

// writeIdle writes the open minutes of wearers whose readings have stopped, so
// that a day's last minute does not wait for the next day. Unlike all else that is
// written it does not follow from the log alone: a runner that was stopped for a while
// would write a part of a minute over the whole one of the owner since. So it is
// written of partitions only that are known to be owned at this moment; what a
// stop between this and the writing lets through, the store drops.
func (r *Runner) writeIdle(ctx context.Context, now time.Time) error {
	owned, sure := r.owned()
	if !sure {
		return nil
	}
	for _, p := range r.held() {
		if owned[p.n] != p.epoch {
			continue
		}
		for _, w := range p.wearers {
			if w.flushed || now.Sub(w.touched) < idleAfter {
				continue
			}
			w.flushed = true
			if rollup, ok := w.OpenMinute(); ok {
				p.judged.Rollups = append(p.judged.Rollups, rollup)
			}
		}
	}
	return r.writeRollups(ctx)
}
