package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// view is a copy of a bucket's keys of one group, which follows the bucket.
//
// A watcher of the client's own goes on behind the last sequence it has seen: of
// a bucket that was made anew, as one in memory is after a restart of the server,
// it would miss everything until that has outgrown the old one. So each second the
// view asks where the bucket ends and whether it is still the same, and watches
// anew if it is not, or if what is there does not come.
type view struct {
	kv     jetstream.KeyValue
	group  string
	logger *slog.Logger
	wake   func() // called after each change; must not block

	mu      sync.Mutex // guards what follows
	entries map[string]entry
	born    time.Time     // when the bucket of this copy was made
	applied uint64        // the bucket's sequence this copy has reached
	asked   end           // the last answer to where it ends
	synced  time.Time     // when the question was put whose answer the copy has reached; zero: not yet
	lives   int           // how many buckets there have been
	news    chan struct{} // closed and made anew at each change: wakes all who wait, holds nothing
}

// entry is a key's value.
type entry struct {
	value    []byte
	revision uint64
	created  time.Time // by the server's clock
	gone     bool      // it was deleted
}

// end is where a bucket ends.
type end struct {
	last  uint64
	born  time.Time // when the bucket was made
	asked time.Time // the server's time of the answer
	put   time.Time // when the question was put, by the own clock
}

const (
	// stalled is how many questions in a row may find the copy behind the bucket.
	stalled = 3
	// rewatchAfter is the pause before a bucket that could not be watched is tried again.
	rewatchAfter = 250 * time.Millisecond
)

var errReplaced = errors.New("the bucket was made anew")

func newView(kv jetstream.KeyValue, group string, logger *slog.Logger, wake func()) *view {
	return &view{kv: kv, group: group, logger: logger, wake: wake, entries: map[string]entry{}, news: make(chan struct{})}
}

// endOf asks where a bucket ends.
func endOf(ctx context.Context, kv jetstream.KeyValue) (end, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	put := time.Now()
	status, err := kv.Status(ctx)
	if err != nil {
		return end{}, fmt.Errorf("look at bucket %s: %w", kv.Bucket(), err)
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return end{}, fmt.Errorf("look at bucket %s: its status is a %T", kv.Bucket(), status)
	}
	info := bucket.StreamInfo()
	return end{last: info.State.LastSeq, born: info.Created, asked: info.TimeStamp, put: put}, nil
}

// snapshot is the present keys of a group.
func snapshot(ctx context.Context, kv jetstream.KeyValue, group string) (map[string]entry, error) {
	stream, stop, err := watch(ctx, kv)
	if err != nil {
		return nil, err
	}
	defer stop()
	entries := map[string]entry{}
	for {
		select {
		case e, ok := <-stream:
			if !ok {
				return nil, fmt.Errorf("read bucket %s: the connection was closed", kv.Bucket())
			}
			if e == nil {
				return entries, nil
			}
			note(entries, group, e)
		case <-ctx.Done():
			return nil, fmt.Errorf("read bucket %s: %w", kv.Bucket(), ctx.Err())
		}
	}
}

// note takes a key into entries if it is of the group.
func note(entries map[string]entry, group string, e jetstream.KeyValueEntry) {
	of, key, _ := strings.Cut(e.Key(), ".")
	if of != group {
		return
	}
	if e.Revision() <= entries[key].revision {
		return
	}
	entries[key] = entry{value: e.Value(), revision: e.Revision(), created: e.Created(), gone: e.Operation() != jetstream.KeyValuePut}
}

// watch starts a watcher; stop ends it and takes what it still holds.
func watch(ctx context.Context, kv jetstream.KeyValue) (updates <-chan jetstream.KeyValueEntry, stop func(), err error) {
	// The watcher lives as long as its context, which must end if it cannot be opened in time.
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(askWait, cancel)
	w, err := kv.WatchAll(ctx)
	if !late.Stop() && err == nil {
		_ = w.Stop() // its context has ended, and it with that
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("watch bucket %s: %w", kv.Bucket(), err)
	}
	return w.Updates(), func() {
		cancel()
		_ = w.Stop() // fails only once the connection or the bucket has gone
		for range w.Updates() {
		}
	}, nil
}

// run follows the bucket until ctx ends.
func (v *view) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := v.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		v.logger.Debug("watching anew", "bucket", v.kv.Bucket(), "err", err)
		select {
		case <-time.After(rewatchAfter):
		case <-ctx.Done():
		}
	}
}

// follow follows the bucket with one watcher.
func (v *view) follow(ctx context.Context) error {
	e, err := endOf(ctx, v.kv)
	if err != nil {
		return err
	}
	updates, stop, err := watch(ctx, v.kv)
	if err != nil {
		return err
	}
	defer stop()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	// A question is beside the updates, which a slow link must not hold up. There is
	// one at a time, so that the channel has room for its answer.
	asking, cancel := context.WithCancel(ctx)
	var questions sync.WaitGroup
	defer questions.Wait()
	defer cancel()
	answers, asked := make(chan answer, 1), false
	first := map[string]entry{} // what was there at the beginning, until all of it has come
	for behind := 0; behind < stalled; {
		select {
		case u, ok := <-updates:
			switch {
			case !ok:
				return errors.New("the watcher was closed")
			case u == nil:
				v.replace(first, e)
				first = nil
			case first != nil:
				note(first, v.group, u)
			default:
				v.apply(u)
			}
		case <-tick.C:
			if !asked {
				asked = true
				questions.Go(func() { answers <- v.ask(asking, e.born) })
			}
		case a := <-answers:
			asked = false
			if a.err != nil {
				return a.err
			}
			if behind++; !a.late && first == nil {
				behind = 0
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("what is in the bucket does not come")
}

// answer is whether the copy had not yet reached the answer before, and an error
// where the bucket is another.
type answer struct {
	late bool
	err  error
}

// ask asks where the bucket ends. A log that does not answer is no reason to doubt
// the watcher.
func (v *view) ask(ctx context.Context, born time.Time) answer {
	v.mu.Lock()
	late := v.applied < v.asked.last
	v.mu.Unlock()
	e, err := endOf(ctx, v.kv)
	if err != nil {
		return answer{} // it is asked again
	}
	if !e.born.Equal(born) {
		return answer{err: errReplaced}
	}
	v.answered(e)
	return answer{late: late}
}

// replace takes all that is in the bucket in place of what is known.
func (v *view) replace(entries map[string]entry, e end) {
	v.mu.Lock()
	if !v.born.Equal(e.born) {
		v.born, v.lives = e.born, v.lives+1
	}
	v.entries, v.applied, v.asked, v.synced = entries, e.last, e, e.put
	for _, x := range entries {
		v.applied = max(v.applied, x.revision)
	}
	v.tell()
	v.mu.Unlock()
	v.wake()
}

func (v *view) apply(u jetstream.KeyValueEntry) {
	v.mu.Lock()
	note(v.entries, v.group, u)
	v.applied = max(v.applied, u.Revision())
	v.settle()
	v.tell()
	v.mu.Unlock()
	v.wake()
}

// answered takes an answer to where the bucket ends.
func (v *view) answered(e end) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hear(e)
}

// hear takes an answer that is of this bucket and newer than the last. The caller
// holds mu.
func (v *view) hear(e end) {
	if e.born.Equal(v.born) && e.put.After(v.asked.put) {
		v.asked = e
		v.settle()
	}
}

// settle notes that the copy has reached the last answer. The caller holds mu.
func (v *view) settle() {
	if v.applied >= v.asked.last && !v.synced.Equal(v.asked.put) {
		v.synced = v.asked.put
		v.tell()
	}
}

// tell lets those who wait look again. The caller holds mu.
func (v *view) tell() {
	close(v.news)
	v.news = make(chan struct{})
}

// sync returns once the copy holds everything that was in the bucket before the call.
func (v *view) sync(ctx context.Context) error {
	start := time.Now()
	e, err := endOf(ctx, v.kv)
	if err != nil {
		return err
	}
	for {
		v.mu.Lock()
		v.hear(e) // again and again: the copy may be of no bucket yet
		synced, news := v.synced, v.news
		v.mu.Unlock()
		if !synced.Before(start) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("wait for bucket %s: %w", v.kv.Bucket(), ctx.Err())
		}
	}
}

// reach returns once the copy holds a revision of the bucket.
func (v *view) reach(ctx context.Context, revision uint64) error {
	for {
		v.mu.Lock()
		there, news := v.applied >= revision, v.news
		v.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("wait for bucket %s: %w", v.kv.Bucket(), ctx.Err())
		}
	}
}

// state is the present copy and when it was known to be complete; lives changes
// when the bucket was made anew.
func (v *view) state() (entries map[string]entry, synced time.Time, lives int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.entries), v.synced, v.lives
}

// forget drops a key from the copy unless it has changed.
func (v *view) forget(key string, revision uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entries[key].revision == revision {
		delete(v.entries, key)
	}
}
