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
// One goroutine owns all of it; Watch may be called from others. The tests run
// on the embedded server.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Options are what a Runner needs.
type Options struct {
	Log         *bus.Bus
	Checkpoints jetstream.KeyValue
	Params      *detect.Params
	Registerer  prometheus.Registerer
	Logger      *slog.Logger
	// Watched reports whether somebody looks at a wearer now, and Show gets the
	// latest posture of those. Both are called from the runner's goroutine.
	Watched func(org, wearer schemas.ID) bool
	Show    func(org, wearer schemas.ID, p detect.Posture)
}

// The runner's rhythm.
const (
	// checkpointEvery bounds what is read again after a crash.
	checkpointEvery = 10 * time.Second
	// idleAfter is how long a wearer's readings must have stopped coming before
	// the open minute is written as it stands.
	idleAfter = 5 * time.Second
	// rollupBatch is how many rollups of a partition go into one message.
	rollupBatch = 500
)

// Runner runs the engine.
type Runner struct {
	o          Options
	metrics    *metrics
	partitions []*partition
	emit       *emitter
	out        detect.Output
	reader     schemas.RecordReader
	last       uint64 // the last sequence read

	mu       sync.Mutex // guards what follows
	judged   uint64     // everything up to here is judged and on its way into the log
	progress chan struct{}
}

// partition is the state of one partition.
type partition struct {
	seq      uint64 // the last sequence that is in the wearers' state
	saved    uint64 // the last sequence that a checkpoint holds
	revision uint64 // of the checkpoint's head
	slot     int    // of the checkpoint's chunks
	dirty    bool   // the wearers' state differs from the checkpoint
	wearers  map[key]*wearer
	rollups  []schemas.Rollup // not yet written
}

type key struct{ org, wearer schemas.ID }

// wearer is the engine's state and when it last got readings.
type wearer struct {
	*detect.Wearer
	touched time.Time // by the wall clock
	flushed bool      // the open minute was written since
}

// New makes a Runner.
func New(o Options) *Runner {
	return &Runner{o: o, metrics: newMetrics(o.Registerer), progress: make(chan struct{})}
}

// Run works until ctx ends; then it saves its checkpoints.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	r.emit = &emitter{log: r.o.Log, logger: r.o.Logger}
	first := r.start()
	r.last = first - 1
	if err := r.tell(ctx); err != nil {
		return err
	}
	reader, err := r.o.Log.Reader(ctx, schemas.StreamReadings, nil, first)
	if err != nil {
		return fmt.Errorf("run detection: %w", err)
	}
	defer reader.Close()
	err = r.loop(ctx, reader)
	if !errors.Is(err, context.Canceled) {
		return err
	}
	// What has been judged is saved, so that a restart starts here.
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWait)
	defer cancel()
	if err := r.save(final); err != nil {
		return err
	}
	return context.Canceled
}

// drainWait bounds how long a stop waits for the log.
const drainWait = 5 * time.Second

// start is the first sequence that some partition has not seen.
func (r *Runner) start() uint64 {
	first := r.partitions[0].seq
	for _, p := range r.partitions {
		first = min(first, p.seq)
	}
	return first + 1
}

func (r *Runner) loop(ctx context.Context, reader *bus.Reader) error {
	tick := time.NewTicker(idleAfter)
	defer tick.Stop()
	saved := time.Now()
	for {
		if msg, ok := reader.TryNext(); ok {
			if err := r.take(ctx, msg); err != nil {
				return err
			}
		} else if err := r.wait(ctx, reader, tick.C); err != nil {
			return err
		}
		if time.Since(saved) >= checkpointEvery {
			if err := r.save(ctx); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
}

// wait writes what has gathered while there was more to read, then waits for a
// message or the time to look after idle wearers.
func (r *Runner) wait(ctx context.Context, reader *bus.Reader, tick <-chan time.Time) error {
	if err := r.writeRollups(ctx); err != nil {
		return err
	}
	if err := r.tell(ctx); err != nil {
		return err
	}
	select {
	case msg := <-reader.C():
		return r.take(ctx, msg)
	case <-reader.Done():
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("run detection: %w", reader.Err())
	case now := <-tick:
		return r.writeIdle(ctx, now)
	}
}

// take judges one record of the log.
func (r *Runner) take(ctx context.Context, msg bus.Msg) error {
	r.last = msg.Seq
	n, err := strconv.Atoi(strings.TrimPrefix(msg.Subject, "readings."))
	if err != nil || n < 0 || n >= len(r.partitions) {
		r.skip(msg, fmt.Errorf("subject %s is no partition of %d", msg.Subject, len(r.partitions)))
		return nil
	}
	p := r.partitions[n]
	if msg.Seq <= p.seq {
		return nil // in the checkpoint already
	}
	p.seq, p.dirty = msg.Seq, true
	r.out.Reset()
	if err := r.judge(p, msg); err != nil {
		r.skip(msg, err)
	}
	r.metrics.count(&r.out)
	p.rollups = append(p.rollups, r.out.Rollups...)
	if len(p.rollups) >= rollupBatch {
		if err := r.writePartition(ctx, n); err != nil {
			return err
		}
	}
	for i := range r.out.Findings {
		if err := r.write(ctx, &r.out.Findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// skip reports a record that cannot be read; one such record must not stop the
// others.
func (r *Runner) skip(msg bus.Msg, err error) {
	r.metrics.damaged.Inc()
	r.o.Logger.Error("record of the log skipped", "seq", msg.Seq, "subject", msg.Subject, "err", err)
}

// WaitFor returns once everything in READINGS up to seq is judged and what was
// found is in the log.
func (r *Runner) WaitFor(ctx context.Context, seq uint64) error {
	for {
		r.mu.Lock()
		judged, progress := r.judged, r.progress
		r.mu.Unlock()
		if judged >= seq {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("wait until reading record %d is judged, at %d: %w", seq, judged, ctx.Err())
		}
	}
}

// tell lets those who wait know how far the runner is.
func (r *Runner) tell(ctx context.Context) error {
	if r.judged == r.last { // only this goroutine changes it
		return nil
	}
	if err := r.emit.confirm(ctx, len(r.emit.pending)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judged = r.last
	close(r.progress)
	r.progress = make(chan struct{})
	return nil
}

// judge gives a record's batches to their wearers.
func (r *Runner) judge(p *partition, msg bus.Msg) error {
	if err := r.reader.Reset(msg.Data); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	now := time.Now()
	var batch schemas.Batch
	for {
		more, err := r.reader.Next(&batch)
		if err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		if !more {
			return nil
		}
		w := p.wearer(batch.Org, batch.Wearer, r.o.Params)
		w.touched, w.flushed = now, false
		r.out.Trace = r.o.Watched != nil && r.o.Watched(batch.Org, batch.Wearer)
		w.Take(&batch, &r.out)
		if n := len(r.out.Postures); n > 0 {
			r.o.Show(batch.Org, batch.Wearer, r.out.Postures[n-1])
			r.out.Postures = r.out.Postures[:0]
		}
	}
}

func (p *partition) wearer(org, id schemas.ID, params *detect.Params) *wearer {
	k := key{org, id}
	w := p.wearers[k]
	if w == nil {
		w = &wearer{Wearer: detect.NewWearer(org, id, params)}
		p.wearers[k] = w
	}
	return w
}

func (r *Runner) write(ctx context.Context, f *schemas.Finding) error {
	data, err := f.Encode()
	if err != nil {
		return err
	}
	r.metrics.findings.WithLabelValues(string(f.Rule), string(f.Step)).Inc()
	return r.emit.publish(ctx, schemas.FindingsSubject(f.Org, f.Wearer), data, f.ID)
}

func (r *Runner) writeRollups(ctx context.Context) error {
	for n, p := range r.partitions {
		if len(p.rollups) == 0 {
			continue
		}
		if err := r.writePartition(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) writePartition(ctx context.Context, n int) error {
	p := r.partitions[n]
	data, err := schemas.EncodeRollups(p.rollups)
	if err != nil {
		return err
	}
	p.rollups = p.rollups[:0]
	return r.emit.publish(ctx, schemas.RollupsSubject(n), data, "")
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
				p.rollups = append(p.rollups, rollup)
			}
		}
	}
	return r.writeRollups(ctx)
}
