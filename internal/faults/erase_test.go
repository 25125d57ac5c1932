//go:build faults

package faults

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/erasure"
	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
)

// A wearer is erased while everybody's readings pour in, theirs too: nothing of them is
// there afterwards or comes back, also not after kills, and nobody else lacks anything.
func TestErasureDuringIngest(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, "")
		p.eraseInAFlood(p.serve)
		store, err := app.OpenSide(t.Context(), app.Side{Folder: p.data}, true, slog.New(slog.DiscardHandler))
		must(t, err)
		defer store.Close()
		others := 0
		must(t, store.Wearers(t.Context(), func(e series.Extent) error {
			if others++; e.Wearer == wearer(leaver) {
				t.Errorf("something of who was erased is stored, from %v to %v", e.From, e.To)
			}
			return nil
		}))
		if others != leaver {
			t.Errorf("%d wearers have something stored, want the other %d", others, leaver)
		}
	})
	t.Run("InfluxDB", func(t *testing.T) {
		t.Parallel()
		p := onInflux(t, influxtest.Start(t))
		p.eraseInAFlood(func(...string) *child { return p.serve() })
		for _, bucket := range []string{"raw", "rollups", "events"} {
			if n := p.points(bucket, wearer(leaver).String()); n > 0 {
				t.Errorf("%d values of who was erased are in the bucket %s", n, bucket)
			}
			if n := p.points(bucket, wearer(0).String()); n == 0 {
				t.Errorf("the bucket %s has nothing of another wearer: this proves nothing", bucket)
			}
		}
	})
}

// leaver is who is erased.
const leaver = 4

func (p *place) eraseInAFlood(serve func(...string) *child) {
	p.t.Helper()
	c := serve()
	p.enrol(leaver + 1)
	base := time.Now().Add(-3 * 24 * time.Hour)
	others := p.fleet(0, leaver, 1, base)
	apart := *p // whose readings are to be leaver is in no ledger that is checked
	apart.openLedger()
	theirs := apart.fleet(leaver, 1, 1, base)
	stopOthers, stopTheirs := others.pour(0, 20), theirs.pour(0, 20)
	stored := func() int { return len(p.stored(leaver, base.Add(-time.Minute), base.Add(24*time.Hour))) }
	eventually(p.t, "some of theirs is stored", func() bool { return stored() > 1000 })

	before, from := theirs.acknowledged(), time.Now()
	var done erasure.Certificate
	must(p.t, json.Unmarshal([]byte(p.sitwell("wearer", "erase", "acme", wearer(leaver).String(), "--yes", "--json")), &done))
	took := time.Since(from)
	if done.Store.Readings < 1000 || done.Store.Rollups == 0 {
		p.t.Errorf("the certificate counts %+v", done.Store)
	}
	// Killed while devices go on, and started again: the log still has what it had.
	eventually(p.t, "their device is still acknowledged", func() bool { return theirs.acknowledged() > before+100 })
	c.kill()
	c = serve()
	stopOthers()
	stopTheirs()
	others.flush()
	theirs.flush()
	p.settle()
	figure(p.t, "erased in %s while devices sent: %d readings, %d minutes, %d episodes", took.Round(time.Millisecond),
		done.Store.Readings, done.Store.Rollups, done.Store.Episodes)

	p.check()
	c.runs()
}
