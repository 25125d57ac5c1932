package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/bus"
)

// One process fills a store: another would know nothing of its erasures and rebuilt days. The
// embedded store is kept apart by the lock of its folder, one in InfluxDB by a claim in
// the log: a key with a subject at which its owner answers. Whoever finds nobody there
// takes the key over, at once after a kill.

const (
	claimAsk  = 3 * time.Second // how long an owner has to answer
	claimLook = 5 * time.Second // how often an owner looks whether it still is
)

// claimedError says that another process fills the store.
type claimedError struct{ who string }

func (e claimedError) Error() string {
	return fmt.Sprintf("another process fills this store: %s; stop it, or leave record out of --roles", e.who)
}

// claimKey is that of a store in InfluxDB.
func (o *Options) claimKey() string {
	sum := sha256.Sum256([]byte(strings.TrimRight(o.Influx.URL, "/") + "\n" + o.Influx.Org + "\n" + o.Influx.Prefix))
	return "record.owner." + hex.EncodeToString(sum[:8])
}

// claim makes this process the one that fills the store in InfluxDB. In a process with
// the broker another owner is an error; others wait for its end.
func (a *App) claim(ctx context.Context) error {
	host, _ := os.Hostname() // "" where the machine has no name
	subject := "record.owner." + strings.ToLower(rand.Text())
	who := fmt.Sprintf("%s (process %d of %s)", RoleList(a.o.roles()), os.Getpid(), host)
	answering, err := a.nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(who)) }) // who asks in vain asks again
	if err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	a.onStop("store's claim", func(context.Context) error { a.gone("store's claim", answering.Unsubscribe); return nil })
	if err := a.insist(ctx, "the store, of which another process may be the owner", func(ctx context.Context) error { return a.tryClaim(ctx, subject) }); err != nil {
		return err
	}
	a.run(partClaim, func(ctx context.Context, _ prometheus.Registerer) error {
		a.works(partClaim)
		return a.keepClaim(ctx, subject)
	})
	return nil
}

// tryClaim puts this process in the place of an owner that does not answer.
func (a *App) tryClaim(ctx context.Context, subject string) error {
	kv, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	key := a.o.claimKey()
	entry, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		if _, err = kv.Create(ctx, key, []byte(subject)); err != nil {
			return fmt.Errorf("claim the store: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("ask who fills the store: %w", err)
	case string(entry.Value()) == subject: // the answer to the write was lost
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, claimAsk)
	defer cancel()
	m, err := a.nc.RequestWithContext(asking, string(entry.Value()), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
	case err != nil:
		return claimedError{"its owner does not answer, and has not left either"}
	default:
		return claimedError{string(m.Data)}
	}
	if _, err := kv.Update(ctx, key, []byte(subject), entry.Revision()); err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	return nil
}

// keepClaim ends the process when another one has taken its place, which it may when
// this one was cut off from the log.
func (a *App) keepClaim(ctx context.Context, subject string) error {
	kv, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	for sleep(ctx, claimLook) {
		entry, err := kv.Get(ctx, a.o.claimKey())
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound), err == nil && string(entry.Value()) != subject:
			return fatalError{errors.New("another process has become the one that fills the store, while this one was cut off from the log")}
		case err != nil:
			a.o.Logger.Debug("not known whether the store is still this process's", "err", err)
		}
	}
	return ctx.Err()
}
