package demo

import (
	"context"
	"errors"

	"sitwell/internal/registry"
	"sitwell/internal/sim"
)

// enrol registers an office. What an earlier demo in the same folder registered
// stays.
func enrol(ctx context.Context, r *registry.Registry, office *sim.Office) error {
	org := office.Org
	known := func(err error) error {
		if errors.Is(err, registry.ErrExists) || errors.Is(err, registry.ErrOverlap) {
			return nil
		}
		return err
	}
	if err := known(r.AddOrg(ctx, registry.Org{ID: org, Name: office.Name, Zone: office.Zone})); err != nil {
		return err
	}
	for _, t := range office.Teams {
		if err := known(r.AddTeam(ctx, registry.Team{Org: org, ID: t.ID, Name: t.Name})); err != nil {
			return err
		}
	}
	for _, w := range office.Wearers {
		err := known(r.AddWearer(ctx, registry.Wearer{Org: org, ID: w.ID, Team: w.Team, Name: w.Name}))
		if err == nil {
			err = known(r.AddDevice(ctx, org, w.Device))
		}
		if err == nil {
			err = known(r.Assign(ctx, org, w.Device, registry.Assignment{Wearer: w.ID, From: office.Start}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
