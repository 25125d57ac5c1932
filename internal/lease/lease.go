// Package lease spreads numbered slots of work over the processes that are there,
// and says who owns which. A slot has one owner by the log's word, with an epoch
// that grows whenever it gets another one.
//
// Join makes this process a member: it says each second that it lives, and takes
// its share of the slots. Everybody sees the same table and moves towards an even
// spread by itself; nobody leads. Read and Watch show the table to whoever is no
// member.
//
// A lease is no lock. A process that was stopped for a while still thinks that it
// owns what another one has taken over since; Owned says so within a second of
// its going on. Whoever writes under a lease must carry the epoch into what it
// writes and be refused there, as detect/runner does with its checkpoints.
// DESIGN.md goes through the failures.
//
// A Keeper is safe for concurrent use. The tests run on the embedded server.
package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The rhythm of a group.
const (
	// beatEvery is how often a member says that it lives.
	beatEvery = time.Second
	// deadAfter is how long a member may be silent. It is counted only while
	// the one who counts hears the log.
	deadAfter = 4 * time.Second
	// sureFor is how long after it last heard of itself a member may think that
	// its slots are its own: less than deadAfter.
	sureFor = 3 * time.Second
	// giveAfter is how long a member has had too many before it gives some back.
	// While several claim what somebody has left, counts are off for a moment.
	giveAfter = 500 * time.Millisecond
	// forgetAfter is how long a silent member's key is remembered.
	forgetAfter = 2 * time.Minute
	// lookEvery is how often the living are counted.
	lookEvery = 250 * time.Millisecond
	// askWait bounds a question to the log.
	askWait = 2 * time.Second
)

// Member is a process that shares the work.
type Member struct {
	Name  string `json:"name"`            // unique for each run, of letters, digits, - and _
	Label string `json:"label,omitempty"` // for people
	Host  string `json:"host,omitempty"`
	PID   int    `json:"pid,omitempty"`
}

// Table is who owns what.
type Table struct {
	Owners  []string // by slot, the name of its owner if that is a member; "" for none
	Epochs  []uint64 // by slot
	Members []Member // who lives, by name
}

// grant is the value of a slot's key. Owner "" is that it was given back; then
// the next owner's epoch is above Epoch all the same.
type grant struct {
	Owner string `json:"owner"`
	Epoch uint64 `json:"epoch"`
	Label string `json:"label,omitempty"` // of the owner, for whoever reads the bucket

	revision uint64
}

// Read asks for the table once. A member counts as living if it has beaten within
// the last few seconds by the log's own clock.
func Read(ctx context.Context, members, leases jetstream.KeyValue, group string, slots int) (Table, error) {
	end, err := endOf(ctx, members)
	if err != nil {
		return Table{}, err
	}
	beats, err := snapshot(ctx, members, group)
	if err != nil {
		return Table{}, err
	}
	grants, err := snapshot(ctx, leases, group)
	if err != nil {
		return Table{}, err
	}
	living := map[string]bool{}
	for name, e := range beats {
		living[name] = !e.gone && end.asked.Sub(e.created) < deadAfter
	}
	return table(beats, grants, living, slots), nil
}

// Watch calls each with the table, and again whenever it has changed, until ctx
// ends. It bears the log's restarts.
func Watch(ctx context.Context, members, leases jetstream.KeyValue, group string, slots int, each func(Table)) error {
	w := newWatch(members, leases, group, slots, slog.New(slog.DiscardHandler))
	defer w.start(ctx)()
	last := ""
	for {
		if t, known := w.table(); known {
			b, err := json.Marshal(t)
			if err != nil {
				return fmt.Errorf("watch leases of %s: %w", group, err)
			}
			if now := string(b); now != last {
				last = now
				each(t)
			}
		}
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
}
