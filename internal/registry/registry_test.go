package registry_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

var (
	acme  = schemas.MustID("acme")
	anna  = schemas.MustID("anna")
	ben   = schemas.MustID("ben")
	band1 = schemas.MustID("band-1")
	band2 = schemas.MustID("band-2")
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

func open(t *testing.T, log *bus.Bus) *registry.Registry {
	t.Helper()
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(t.Context(), kv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// office is an organisation with two wearers and two devices.
func office(t *testing.T, r *registry.Registry) {
	t.Helper()
	ctx := t.Context()
	must(t, r.AddOrg(ctx, registry.Org{ID: acme, Name: "Acme", Zone: "Europe/Vienna"}))
	must(t, r.AddTeam(ctx, registry.Team{Org: acme, ID: schemas.MustID("dev"), Name: "Development"}))
	must(t, r.AddWearer(ctx, registry.Wearer{Org: acme, ID: anna, Team: schemas.MustID("dev")}))
	must(t, r.AddWearer(ctx, registry.Wearer{Org: acme, ID: ben}))
	must(t, r.AddDevice(ctx, acme, band1))
	must(t, r.AddDevice(ctx, acme, band2))
}

func TestResolveGoesByTheReadingsTime(t *testing.T) {
	_, log := brokertest.Start(t)
	r := open(t, log)
	office(t, r)
	must(t, r.Assign(t.Context(), acme, band1, registry.Assignment{Wearer: anna, From: noon, To: noon.Add(time.Hour)}))
	must(t, r.Assign(t.Context(), acme, band1, registry.Assignment{Wearer: ben, From: noon.Add(time.Hour)}))
	for _, c := range []struct {
		at   time.Time
		want schemas.ID
	}{
		{noon.Add(-time.Millisecond), schemas.ID{}},
		{noon, anna},
		{noon.Add(time.Hour - time.Millisecond), anna},
		{noon.Add(time.Hour), ben},
		{noon.Add(1000 * time.Hour), ben},
	} {
		if got, known := r.Resolve(acme, band1, c.at.UnixMilli()); got != c.want || !known {
			t.Errorf("at %s: %q, %v; want %q", c.at, got, known, c.want)
		}
	}
	if _, known := r.Resolve(acme, schemas.MustID("band-9"), noon.UnixMilli()); known {
		t.Error("a device that was never added is known")
	}
	if _, known := r.Resolve(schemas.MustID("other"), band1, noon.UnixMilli()); known {
		t.Error("another organisation knows the device")
	}
}

func TestAssignRefusesWhatOverlaps(t *testing.T) {
	_, log := brokertest.Start(t)
	r := open(t, log)
	office(t, r)
	ctx := t.Context()
	must(t, r.Assign(ctx, acme, band1, registry.Assignment{Wearer: anna, From: noon}))
	for name, try := range map[string]func() error{
		"the device has another wearer": func() error {
			return r.Assign(ctx, acme, band1, registry.Assignment{Wearer: ben, From: noon.Add(time.Hour)})
		},
		"the wearer has another device": func() error {
			return r.Assign(ctx, acme, band2, registry.Assignment{Wearer: anna, From: noon.Add(time.Hour)})
		},
		"the same once more": func() error { return r.Assign(ctx, acme, band1, registry.Assignment{Wearer: anna, From: noon}) },
		"it ends where the other begins": func() error {
			return r.Assign(ctx, acme, band1, registry.Assignment{Wearer: ben, From: noon.Add(-time.Hour), To: noon.Add(1)})
		},
	} {
		if err := try(); !errors.Is(err, registry.ErrOverlap) || !strings.Contains(err.Error(), "band-1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, r.Release(ctx, acme, band1, noon.Add(time.Hour)))
	must(t, r.Assign(ctx, acme, band1, registry.Assignment{Wearer: ben, From: noon.Add(time.Hour)}))
	must(t, r.Assign(ctx, acme, band2, registry.Assignment{Wearer: anna, From: noon.Add(time.Hour)}))
}

func TestErrorsNameWhatIsWrong(t *testing.T) {
	_, log := brokertest.Start(t)
	r := open(t, log)
	office(t, r)
	ctx := t.Context()
	for _, c := range []struct {
		err  error
		want error
		says string
	}{
		{r.AddOrg(ctx, registry.Org{ID: acme}), registry.ErrExists, "acme"},
		{r.AddOrg(ctx, registry.Org{ID: schemas.MustID("b"), Zone: "Vienna"}), registry.ErrInvalid, "Vienna"},
		{r.AddOrg(ctx, registry.Org{ID: schemas.MustID("b"), Name: "a\nb"}), registry.ErrInvalid, "name"},
		{r.AddTeam(ctx, registry.Team{Org: schemas.MustID("no"), ID: anna}), registry.ErrNotFound, "no"},
		{r.AddWearer(ctx, registry.Wearer{Org: acme, ID: schemas.MustID("c"), Team: schemas.MustID("ops")}), registry.ErrNotFound, "ops"},
		{r.AddWearer(ctx, registry.Wearer{Org: acme, ID: anna}), registry.ErrExists, "anna"},
		{r.AddDevice(ctx, acme, band1), registry.ErrExists, "band-1"},
		{r.Assign(ctx, acme, schemas.MustID("band-9"), registry.Assignment{Wearer: anna, From: noon}), registry.ErrNotFound, "band-9"},
		{r.Assign(ctx, acme, band1, registry.Assignment{Wearer: schemas.MustID("eve"), From: noon}), registry.ErrNotFound, "eve"},
		{r.Assign(ctx, acme, band1, registry.Assignment{Wearer: anna, From: noon, To: noon}), registry.ErrInvalid, "ends"},
		{r.Release(ctx, acme, band1, noon), registry.ErrNotFound, "band-1"},
	} {
		if !errors.Is(c.err, c.want) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%v; want %v naming %q", c.err, c.want, c.says)
		}
	}
}

func TestAnotherProcessSeesChangesAndKeepsThem(t *testing.T) {
	_, log := brokertest.Start(t)
	one, two := open(t, log), open(t, log)
	office(t, one)
	// The other copy follows on its own time; a write of its own waits for it.
	must(t, two.AddDevice(t.Context(), acme, schemas.MustID("band-3")))
	if n := len(two.Devices(acme)); n != 3 {
		t.Errorf("the other process knows %d devices, want 3", n)
	}
	late := open(t, log)
	if got := late.Wearers(acme); len(got) != 2 || got[0].ID != anna {
		t.Errorf("a process that opens later knows the wearers %v", got)
	}
	if o, ok := late.Org(acme); !ok || o.Location().String() != "Europe/Vienna" {
		t.Errorf("organisation %+v, %v", o, ok)
	}
}
