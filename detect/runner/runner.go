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
// Of two runners on one log the slower one's checkpoint is refused and its Run
// ends. DESIGN.md goes through the failures.
//
// One goroutine owns all of it and is the only one to call Watched and Show;
// WaitFor may be called from others. The tests run on the embedded server.
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
	partitions []*partition
	out        *bus.Outbox
	found      detect.Output // of the record that is being judged
	records    schemas.RecordReader
	last       uint64 // the last sequence read
	progress   progress
}

// partition is the state of one partition.
type partition struct {
	seq     uint64 // the last sequence that is in the wearers' state
	dirty   bool   // the wearers' state differs from the checkpoint
	wearers map[key]*wearer
	judged  schemas.Judged // not yet written

	// The checkpoint: its sequence, the revision of its head, the slot and
	// number of its chunks, and the revisions of the chunks in both slots.
	saved, revision uint64
	slot, count     int
	chunks          [2][]uint64
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
	return &Runner{o: o, owner: rand.Text(), metrics: newMetrics(o.Registerer), progress: newProgress()}
}

// Run works until ctx ends; then it saves its checkpoints, so that a restart
// goes on here.
func (r *Runner) Run(ctx context.Context) error {
	work, cancel := ops.Linger(ctx, drainWait)
	defer cancel()
	if err := r.load(ctx); err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	r.out = r.o.Log.Outbox(r.o.Logger)
	r.last = r.start() - 1
	r.progress.reached(r.last)
	reader, err := r.o.Log.Reader(ctx, schemas.StreamReadings, nil, r.last+1)
	if err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	defer reader.Close()
	// After an error what was judged may not have been written: it must not
	// become a checkpoint, and the next run judges it again.
	if err := r.loop(ctx, work, reader); err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	if err := r.save(work, 1, 0, 1); err != nil {
		return fmt.Errorf("stop detection: %w", err)
	}
	return ctx.Err()
}

// start is the first sequence that some partition has not seen.
func (r *Runner) start() uint64 {
	first := r.partitions[0].seq
	for _, p := range r.partitions {
		first = min(first, p.seq)
	}
	return first + 1
}

// loop returns nil when ctx has ended, between two records. What it began with
// work has until the end of that.
func (r *Runner) loop(ctx, work context.Context, reader *bus.Reader) error {
	tick := time.NewTicker(idleAfter)
	defer tick.Stop()
	saved, turn := time.Now(), 0
	for ctx.Err() == nil {
		if msg, ok := reader.TryNext(); ok {
			if err := r.take(work, msg); err != nil {
				return err
			}
		} else if err := r.wait(ctx, work, reader, tick.C); err != nil {
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

// wait writes what has gathered while there was more to read and says how far
// that is, then waits for a message, the time to look after idle wearers, or the
// end.
func (r *Runner) wait(ctx, work context.Context, reader *bus.Reader, tick <-chan time.Time) error {
	if err := r.writeRollups(work); err != nil {
		return err
	}
	if err := r.out.Flush(work); err != nil {
		return err
	}
	r.progress.reached(r.last)
	select {
	case msg := <-reader.C():
		return r.take(work, msg)
	case now := <-tick:
		return r.writeIdle(work, now)
	case <-ctx.Done():
		return nil
	case <-reader.Done():
		if ctx.Err() == nil {
			return reader.Err()
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
	if msg.Seq <= p.seq {
		return nil // in the checkpoint already
	}
	if err := r.await(ctx, msg.Time); err != nil {
		return err
	}
	p.seq, p.dirty = msg.Seq, true
	r.found.Reset()
	if err := r.judge(p, msg); err != nil {
		r.skip(msg, err)
	}
	r.metrics.count(&r.found)
	p.judged.Rollups = append(p.judged.Rollups, r.found.Rollups...)
	p.judged.Late = append(p.judged.Late, r.found.Late...)
	if len(p.judged.Rollups)+len(p.judged.Late) >= rollupBatch {
		if err := r.writePartition(ctx, n); err != nil {
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
	for {
		err := r.o.Parameters.Await(ctx, taken)
		if err == nil || ctx.Err() != nil {
			return err //nolint:wrapcheck // it says what it waited for
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
func (r *Runner) judge(p *partition, msg bus.Msg) error {
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
	for n, p := range r.partitions {
		if len(p.judged.Rollups)+len(p.judged.Late) == 0 {
			continue
		}
		if err := r.writePartition(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// writePartition writes a partition's rollups and marks, in messages that fit.
func (r *Runner) writePartition(ctx context.Context, n int) error {
	p := r.partitions[n]
	for batch := range slices.Chunk(p.judged.Rollups, rollupBatch) {
		if err := r.writeJudged(ctx, n, schemas.Judged{Rollups: batch}); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(p.judged.Late, rollupBatch) {
		if err := r.writeJudged(ctx, n, schemas.Judged{Late: batch}); err != nil {
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
// that a day's last minute does not wait for the next day.
func (r *Runner) writeIdle(ctx context.Context, now time.Time) error {
	for _, p := range r.partitions {
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
