package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/erasure"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Who is erased while the device goes on publishing is gone, and stays so when the log is
// read again; somebody new of that name begins anew.
func TestErasureDuringIngest(t *testing.T) {
	a, err := start(t, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, a.Registry())
	d := device(t, a)
	from := time.Now().Add(-50 * time.Minute)
	send(t, d, from, 0, 1000)
	settled(t, a.Bus())
	if n, _ := count(t, a.Store()); n != 1000 {
		t.Fatalf("%d readings are stored", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sent, begun := make(chan error, 1), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			if err := published(d, buffered(from, 1000+10*(n%190), 10)); err != nil || ctx.Err() != nil {
				sent <- err
				return
			}
			if n == 20 {
				close(begun)
			}
		}
	}()
	<-begun
	c, err := erasure.Ask(ctx, a.Bus().Conn(), acme, ann)
	cancel()
	must(t, err)
	must(t, <-sent)
	if c.Store.Readings < 1000 || c.Store.Rollups == 0 || c.Store.Findings == 0 || c.Log.Findings == 0 {
		t.Errorf("erased is %+v", c)
	}
	nothing := func(when string) {
		t.Helper()
		settled(t, a.Bus())
		stats, err := a.Store().Stats(t.Context())
		must(t, err)
		if stats.Readings+stats.Rollups+stats.Episodes+stats.Findings+stats.Decisions != 0 {
			t.Errorf("%s there is %+v", when, stats)
		}
	}
	nothing("after the erasure")
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		must(t, a.Store().Rewind(t.Context(), stream))
	}
	again(t, a.Store(), c)
}

// again appends what the log still has of her, as a recorder does that begins anew.
func again(t *testing.T, s series.Store, c erasure.Certificate) {
	t.Helper()
	b := schemas.Batch{Org: acme, Wearer: ann, Device: band1, Boot: 9}
	for i, at := range []time.Time{c.Asked.Add(-time.Hour), c.Finished, c.Before.Add(-time.Millisecond), c.Before} {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{Seq: uint64(i), Time: at.UnixMilli(), Fields: schemas.IsWorn}})
	}
	done, err := s.Append(t.Context(), series.Batch{Stream: "again", Seq: 1, Readings: []schemas.Batch{b}})
	if err != nil || done.Erased != 3 {
		t.Errorf("appended again: %+v, %v", done, err)
	}
}

var band1 = schemas.MustID("band-1")

// A wearer may be registered anew at once, and nothing of the earlier one is seen.
func TestRegisteredAnewAfterAnErasure(t *testing.T) {
	a, err := start(t, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, a.Registry())
	d := device(t, a)
	send(t, d, time.Now().Add(-30*time.Minute), 0, 400)
	settled(t, a.Bus())
	c, err := erasure.Ask(t.Context(), a.Bus().Conn(), acme, ann)
	must(t, err)
	second := registry.Wearer{Org: acme, ID: ann, Name: "Ann the second"}
	if err := a.Registry().AddWearer(t.Context(), second); !errors.Is(err, registry.ErrErased) {
		t.Errorf("added at once: %v", err)
	}
	kv, err := a.Bus().KV(t.Context(), bus.BucketRegistry) // the time passes
	must(t, err)
	_, err = kv.PutString(t.Context(), "gone.acme.ann", `"2026-01-01T00:00:00Z"`)
	must(t, err)
	must(t, a.Registry().AddWearer(t.Context(), second))
	must(t, a.Registry().Assign(t.Context(), acme, band1, registry.Assignment{Wearer: ann, From: c.Asked.Add(-time.Hour)}))
	send(t, d, time.Now().Add(-20*time.Minute), 400, 200) // of before: it is hers who was erased
	settled(t, a.Bus())
	if n, minutes := count(t, a.Store()); n+minutes != 0 {
		t.Errorf("%d readings and %d minutes came back", n, minutes)
	}
	if fmt.Sprint(c.Devices) != "[band-1]" {
		t.Errorf("devices %v", c.Devices)
	}
}

// What is older than it is kept goes by itself once the process runs.
func TestWhatIsTooOldGoes(t *testing.T) {
	o := options(t.TempDir())
	old, young := time.Now().AddDate(0, 0, -5), time.Now().AddDate(0, 0, -3)
	s, err := app.OpenSide(t.Context(), app.Side{Folder: o.Data}, false, o.Logger)
	must(t, err)
	b := series.Batch{Stream: schemas.StreamRollups, Seq: 1}
	for _, at := range []time.Time{old, young} {
		b.Rollups = append(b.Rollups, schemas.Rollup{Org: acme, Wearer: ann, Minute: at.Unix() / 60, Sitting: 60})
	}
	_, err = s.Append(t.Context(), b)
	must(t, errors.Join(err, s.Close()))
	o.Retention = series.DefaultRetention()
	o.Retention[series.Rollups] = 96 * time.Hour
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		rollups, err := a.Store().Rollups(t.Context(), series.Query{Org: acme, Wearer: ann, From: old.AddDate(0, 0, -1), To: time.Now()})
		must(t, err)
		if len(rollups) == 1 && rollups[0].Minute == young.Unix()/60 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("there are %d minutes", len(rollups))
		}
	}
}
