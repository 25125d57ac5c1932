package ledger_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/ledger"
	"sitwell/internal/registry"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// patience is how long something may take that should come at once.
const patience = 60 * time.Second

// world is a running sitwell, some of the simulated office, and the ledger of
// what it was sent.
type world struct {
	*app.App
	*ledger.Ledger

	office *sim.Office
	fleet  sim.Fleet
	silent atomic.Bool // the ledger is told nothing
}

func start(t *testing.T) *world {
	t.Helper()
	o := app.Defaults()
	o.Data, o.HTTP, o.MQTT, o.NATS = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	a, err := app.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{App: a, Ledger: open(t, filepath.Join(t.TempDir(), "ledger")), office: sim.NewOfficeOf(1, 1, time.Now())}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	w.office.Wearers = w.office.Wearers[:8]
	w.enrol(t)
	return w
}

func (w *world) enrol(t *testing.T) {
	t.Helper()
	org, r := w.office.Org, w.Registry()
	must(t, r.AddOrg(t.Context(), registry.Org{ID: org, Name: "Acme", Zone: "UTC"}))
	for _, p := range w.office.Wearers {
		must(t, r.AddWearer(t.Context(), registry.Wearer{Org: org, ID: p.ID, Name: p.Name}))
		must(t, r.AddDevice(t.Context(), org, p.Device))
		must(t, r.Assign(t.Context(), org, p.Device, registry.Assignment{Wearer: p.ID, From: w.office.Start}))
	}
	var err error
	w.fleet, err = sim.ConnectAll(t.Context(), w.office.Wearers, sim.DeviceOptions{
		URL: w.MQTT(), Org: org, Hertz: 2,
		OnSend: func(device schemas.ID, boot uint32, items []schemas.Item) {
			if !w.silent.Load() {
				w.Sent(org, w.wears(device), device, boot, items)
			}
		},
		OnAck: func(device schemas.ID, boot uint32, items []schemas.Item) {
			if w.silent.Load() {
				return
			}
			if err := w.Acked(org, w.wears(device), device, boot, items); err != nil {
				t.Error(err)
			}
		},
	})
	must(t, err)
	t.Cleanup(func() {
		if err := w.fleet.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) wears(device schemas.ID) schemas.ID {
	i := slices.IndexFunc(w.office.Wearers, func(p *sim.Wearer) bool { return p.Device == device })
	return w.office.Wearers[i].ID
}

// check settles and compares.
func (w *world) check(t *testing.T) ledger.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, w.fleet.Flush(ctx))
	must(t, w.Settle(ctx))
	r, err := w.Await(ctx, ledger.API(w.HTTP()), patience/3)
	must(t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheOracle(t *testing.T) {
	w := start(t)
	// A morning of eight people. One of them sends it in the wrong order, so that
	// some of it comes too late to be judged; another sends all of it twice.
	disordered, doubled := w.office.Wearers[2], w.office.Wearers[3]
	var held []schemas.Item
	must(t, w.office.History(t.Context(), func(p *sim.Wearer, items []schemas.Item) error {
		send := func(items []schemas.Item) error {
			return w.fleet[p].Send(t.Context(), p.Device, p.Boot(), items)
		}
		switch {
		case p == disordered && held == nil && len(items) == sim.MaxChunk:
			held = slices.Clone(items)
			return nil
		case p == disordered && held != nil && len(items) == sim.MaxChunk:
			must(t, send(items))
			must(t, w.fleet[p].Flush(t.Context()))
			items, held = held, []schemas.Item{}
		case p == doubled:
			must(t, send(items))
		}
		return send(items)
	}))
	r := w.check(t)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	counts := w.Counts()
	if r.Acknowledged < 10_000 || r.Stored != r.Acknowledged || counts.Acknowledged <= r.Acknowledged || counts.Sent != counts.Acknowledged {
		t.Errorf("%+v of %+v is not all of it, counted once", r, counts)
	}
	if r.Asked < 10 {
		t.Errorf("%d escalations ask for a nudge: too few to compare", r.Asked)
	}
	if r.Late == 0 || r.Episodes < 20 || r.Found != r.Episodes || r.Minutes < 500 {
		t.Errorf("%+v: too little to compare", r)
	}
	w.lied(t, &r)

	// And now all that must not be. What nobody sent is missed, with what it means.
	lost, altered, silent := w.office.Wearers[1], w.office.Wearers[5], w.office.Wearers[6]
	rest := func(p *sim.Wearer) (readings []schemas.Item) {
		for to := time.Now(); ; {
			part := p.Fill(nil, to, sim.HistorySpacing, sim.MaxChunk)
			if len(part) == 0 {
				return readings
			}
			for _, it := range part {
				if it.Event == nil {
					readings = append(readings, it)
				}
			}
		}
	}
	missed := rest(lost)
	must(t, w.Acked(w.office.Org, lost.ID, lost.Device, lost.Boot(), missed))
	// One is stored with another content than was acknowledged.
	as := rest(altered)[:1]
	must(t, w.fleet[altered].Flush(t.Context()))
	other := slices.Clone(as)
	other[0].Battery, other[0].Fields = 77, other[0].Fields|schemas.HasBattery
	must(t, w.Acked(w.office.Org, altered.ID, altered.Device, altered.Boot(), other))
	must(t, w.fleet[altered].Send(t.Context(), altered.Device, altered.Boot(), as))
	// Some are stored that the ledger knows nothing of.
	w.silent.Store(true)
	must(t, w.fleet[silent].Send(t.Context(), silent.Device, silent.Boot(), rest(silent)))
	must(t, w.fleet[silent].Flush(t.Context()))
	n := schemas.Nudge{Schema: schemas.SchemaNudge, ID: "nobody-2"}
	must(t, w.Nudged(w.office.Org, lost.ID, lost.Device, n))
	must(t, w.Nudged(w.office.Org, lost.ID, lost.Device, n))
	r = w.check(t)
	t.Logf("%+v", r)
	if r.Lost != int64(len(missed)) || r.Altered != 1 || r.Strange == 0 || r.DoubledNudges != 1 || r.Unrecorded != 1 {
		t.Errorf("it finds %+v", r)
	}
	if r.Missing == 0 || r.Extra == 0 || r.Different == 0 {
		t.Errorf("of what readings mean it finds %+v", r)
	}
	err := r.Err()
	if err == nil {
		t.Fatal("it finds nothing wrong")
	}
	for _, word := range []string{lost.ID.String(), "acknowledged and not stored", "nobody-2 reached"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %v", word, err)
		}
	}
}
