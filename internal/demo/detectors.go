package demo

import (
	"context"
	"path/filepath"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/cluster"
	"sitwell/internal/lease"
	"sitwell/schemas"
)

// The detectors' names for people.
const (
	firstDetector  = "detector 1" // of the demo's own process
	secondDetector = "detector 2" // a process of its own
)

const (
	joinWait  = 30 * time.Second // until the second detector has its share
	overWait  = 30 * time.Second // until the first one has taken over
	proofWait = 60 * time.Second // until all is judged and stored
	// before is how long before a kill the proof begins.
	before = 30 * time.Second
)

// detectors runs the second detector and kills it when somebody asks for it.
type detectors struct {
	*Demo

	part  *cluster.Part
	table chan lease.Table // who judges what, the latest only
	now   lease.Table
}

// detectors lets a second detector join, a process of its own, and kills it with -9
// each time that the key is pressed, until ctx ends. One that cannot be started is
// no reason to end the demo.
func (d *Demo) detectors(ctx context.Context) {
	if len(d.o.Command) == 0 {
		return
	}
	t := detectors{Demo: d, table: make(chan lease.Table, 1)}
	t.part = cluster.NewPart(cluster.Options{
		Command: d.o.Command, Env: d.o.Env, Dir: d.o.App.Data, Output: d.o.Said, Logger: d.o.Logger,
	}, secondDetector, "detect", "--nats", d.app.NATS(), "--secret-file", d.secretFile(), "--name", secondDetector, "--log-level", "warn")
	work, cancel := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if err := app.WatchDetectors(work, d.app.Bus(), t.tell); err != nil && work.Err() == nil {
			d.o.Logger.Warn("not known any more which detector judges what", "err", err)
		}
	}()
	err := t.part.Start(work)
	if err == nil {
		err = t.await(work, joinWait, t.shared)
	}
	if err == nil {
		pid, mine := t.part.PID(), t.share()
		t.forget() // keys that were pressed before there was anything to kill
		d.say.Line("joined", fields{"detector": secondDetector, "pid": pid, "partitions": mine, "of": len(t.now.Owners)},
			"joined  %s is a process of its own, %d, and judges %d of %d partitions; k kills it with -9", secondDetector, pid, mine, len(t.now.Owners))
		t.play(work)
	} else if ctx.Err() == nil {
		d.o.Logger.Warn("second detector not started", "err", err, "said", t.part.Said())
		d.say.Line("alone", fields{"error": err.Error()}, "alone   %s could not join, so one detector judges all: %v", secondDetector, err)
	}
	cancel()
	<-followed
	bounded, done := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer done()
	if err := t.part.Stop(bounded); err != nil {
		d.o.Logger.Warn("second detector did not stop well", "err", err)
	}
}

func (d *Demo) secretFile() string {
	path, err := filepath.Abs(filepath.Join(d.o.App.Data, "secret"))
	if err != nil { // there is no working folder any more
		return filepath.Join(d.o.App.Data, "secret")
	}
	return path
}

// tell keeps the latest table for whoever waits.
func (t *detectors) tell(now lease.Table) {
	for {
		select {
		case t.table <- now:
			return
		default:
		}
		select {
		case <-t.table:
		default:
		}
	}
}

// await follows the table until it is as wanted.
func (t *detectors) await(ctx context.Context, limit time.Duration, wanted func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !wanted() {
		select {
		case t.now = <-t.table:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// name is the member name of the second detector's present process, "" while it is
// not there.
func (t *detectors) name() string {
	for _, m := range t.now.Members {
		if m.Label == secondDetector && m.PID == t.part.PID() {
			return m.Name
		}
	}
	return ""
}

// share is how many partitions the second detector has.
func (t *detectors) share() (n int) {
	name := t.name()
	for _, owner := range t.now.Owners {
		if owner == name && name != "" {
			n++
		}
	}
	return n
}

// shared reports whether every partition has a detector, and both have half.
func (t *detectors) shared() bool {
	half := len(t.now.Owners) / 2
	return half > 0 && !t.orphaned("") && t.share() >= half
}

// orphaned reports whether a partition has no detector, or one that is gone.
func (t *detectors) orphaned(gone string) bool {
	for _, owner := range t.now.Owners {
		if owner == "" || owner == gone {
			return true
		}
	}
	return false
}

// wearers are those whom the second detector judges.
func (t *detectors) wearers() (n int) {
	name := t.name()
	for _, w := range t.office.Wearers {
		if t.now.Owners[schemas.Partition(t.office.Org, w.ID, len(t.now.Owners))] == name {
			n++
		}
	}
	return n
}

// forget drops a key that waits.
func (t *detectors) forget() {
	select {
	case _, open := <-t.o.Keys:
		if !open {
			t.o.Keys = nil // nobody presses any more
		}
	default:
	}
}

// play kills at each key, until ctx ends.
func (t *detectors) play(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t.now = <-t.table:
		case <-t.part.Ended():
			t.say.Line("fell", fields{"part": secondDetector, "said": t.part.Said()}, "fell    %s ended by itself; the first judges all", secondDetector)
			return
		case key, open := <-t.o.Keys:
			if !open {
				t.o.Keys = nil // nobody presses any more
				continue
			}
			if key != 'k' && key != 'K' {
				continue
			}
			if err := t.kill(ctx); err != nil && ctx.Err() == nil {
				t.say.Line("alone", fields{"error": err.Error()}, "alone   %s did not come back, so one detector judges all: %v", secondDetector, err)
				return
			}
		}
	}
}

// kill kills the second detector with -9, tells what follows, and proves that
// nothing was lost by it.
func (t *detectors) kill(ctx context.Context) error {
	gone, pid, mine, wearers, at := t.name(), t.part.PID(), t.share(), t.wearers(), time.Now()
	if err := t.part.Kill(); err != nil {
		return err
	}
	t.say.Line("kill", fields{"part": secondDetector, "pid": pid, "partitions": mine, "wearers": wearers},
		"kill    %s, process %d, with -9: it judged %d partitions with %d wearers", secondDetector, pid, mine, wearers)
	if err := t.await(ctx, overWait, func() bool { return !t.orphaned(gone) }); err != nil {
		return err
	}
	after := time.Since(at)
	t.say.Line("takeover", fields{"seconds": after.Seconds(), "partitions": mine},
		"over    %s has taken over its %d partitions, %.1f s after the kill, and judges from where it had come to", firstDetector, mine, after.Seconds())
	if err := t.part.Start(ctx); err != nil {
		return err
	}
	if err := t.await(ctx, joinWait, t.shared); err != nil {
		return err
	}
	t.say.Line("spread", fields{"seconds": time.Since(at).Seconds(), "pid": t.part.PID(), "partitions": t.share(), "of": len(t.now.Owners)},
		"back    %s is back as process %d and judges %d of %d partitions again", secondDetector, t.part.PID(), t.share(), len(t.now.Owners))
	return t.prove(ctx, at.Add(-before))
}
