package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// Of who leaves nothing is taken in any process, from the moment on; in the end nobody
// knows them, and others' devices are as they were.
func TestWhoLeavesIsForgottenEverywhere(t *testing.T) {
	_, log := brokertest.Start(t)
	here, there := open(t, log), open(t, log)
	ctx := t.Context()
	office(t, here)
	must(t, here.Assign(ctx, acme, band1, registry.Assignment{Wearer: anna, From: noon, To: noon.Add(time.Hour)}))
	must(t, here.Assign(ctx, acme, band1, registry.Assignment{Wearer: ben, From: noon.Add(time.Hour)}))
	at := func(r *registry.Registry, hour int) schemas.ID {
		t.Helper()
		must(t, r.CatchUp(ctx, time.Now()))
		who, known := r.Resolve(acme, band1, noon.Add(time.Duration(hour)*time.Hour).UnixMilli())
		if !known {
			t.Error("the device is not known")
		}
		return who
	}
	gone := func(who schemas.ID) bool {
		t.Helper()
		is, err := there.Gone(ctx, acme, who)
		must(t, err)
		return is
	}
	if at(there, 0) != anna || gone(anna) {
		t.Error("she is not there to begin with")
	}
	left, err := here.Leave(ctx, acme, anna)
	must(t, err)
	if !slices.Equal(left.Devices, []schemas.ID{band1}) {
		t.Errorf("she wore %v", left.Devices)
	}
	if at(here, 0) != (schemas.ID{}) || at(there, 0) != (schemas.ID{}) || at(there, 1) != ben || !gone(anna) || gone(ben) {
		t.Error("she is taken for, or he is not")
	}
	if err := here.Assign(ctx, acme, band2, registry.Assignment{Wearer: anna, From: noon}); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a device for who leaves: %v", err)
	}
	if _, err := here.Remove(ctx, left); err != nil {
		t.Fatal(err)
	}
	if left, err = here.Leave(ctx, acme, anna); err != nil || !slices.Equal(left.Devices, []schemas.ID{band1}) {
		t.Errorf("asked again she wore %v, %v", left.Devices, err)
	}
	must(t, here.Forget(ctx, acme, anna, time.Now().Add(time.Hour)))
	if _, err := here.Leave(ctx, acme, anna); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("in the end: %v", err)
	}
	if at(there, 0) != (schemas.ID{}) || at(there, 1) != ben || !gone(anna) {
		t.Error("she is known, or he is not")
	}
	for _, r := range []*registry.Registry{there, open(t, log)} {
		d, _ := r.Device(acme, band1)
		if w := r.Wearers(acme); len(w) != 1 || w[0].ID != ben || len(d.Assignments) != 1 {
			t.Errorf("wearers %v, device %v", w, d)
		}
	}
	for _, r := range []*registry.Registry{here, there} {
		err := r.AddWearer(ctx, registry.Wearer{Org: acme, ID: anna})
		if !errors.Is(err, registry.ErrErased) || !strings.Contains(err.Error(), "add them after that") {
			t.Errorf("added again at once: %v", err)
		}
	}
	must(t, here.Forget(ctx, acme, anna, time.Now()))
	must(t, here.AddWearer(ctx, registry.Wearer{Org: acme, ID: anna}))
	if at(there, 0) != (schemas.ID{}) || gone(anna) {
		t.Error("somebody new of that name has the device of before, or is gone")
	}
}
