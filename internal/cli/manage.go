package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// command makes a command that works on the registry with ids as arguments.
func (e *env) command(use, short string, nIDs int, work func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error) *cobra.Command {
	var cl client
	c := &cobra.Command{
		Use: use, Short: short, Args: exactly(nIDs),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := ids(args...)
			if err != nil {
				return err
			}
			return cl.withRegistry(c.Context(), func(ctx context.Context, r *registry.Registry) error {
				return work(ctx, r, &cl, id)
			})
		},
	}
	cl.register(c.Flags())
	return c
}

func (e *env) org() *cobra.Command {
	var name, zone string
	add := e.command("add ORG", "Add an organisation", 1, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		o := registry.Org{ID: id[0], Name: nameOr(name, id[0]), Zone: zone}
		if err := r.AddOrg(ctx, o); err != nil {
			return err
		}
		return e.say(c, o, "organisation %s added", id[0])
	})
	add.Flags().StringVar(&name, "name", "", "name to show, the id where it is left out")
	add.Flags().StringVar(&zone, "zone", "UTC", "IANA time zone of its days, such as Europe/Vienna")
	list := e.command("list", "List the organisations", 0, func(_ context.Context, r *registry.Registry, c *client, _ []schemas.ID) error {
		rows := [][]string{{"ORG", "NAME", "ZONE"}}
		for _, o := range r.Orgs() {
			rows = append(rows, []string{o.ID.String(), o.Name, o.Zone})
		}
		return e.table(c, r.Orgs(), "no organisations; add one with `sitwell org add ORG`", rows)
	})
	return parent("org", "Organisations: add, list", add, list)
}

func (e *env) team() *cobra.Command {
	var name string
	add := e.command("add ORG TEAM", "Add a team to an organisation", 2, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		t := registry.Team{Org: id[0], ID: id[1], Name: nameOr(name, id[1])}
		if err := r.AddTeam(ctx, t); err != nil {
			return err
		}
		return e.say(c, t, "team %s of %s added", id[1], id[0])
	})
	add.Flags().StringVar(&name, "name", "", "name to show, the id where it is left out")
	list := e.command("list ORG", "List the teams of an organisation", 1, func(_ context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		if err := mustKnow(r, id[0]); err != nil {
			return err
		}
		rows := [][]string{{"TEAM", "NAME"}}
		for _, t := range r.Teams(id[0]) {
			rows = append(rows, []string{t.ID.String(), t.Name})
		}
		return e.table(c, r.Teams(id[0]), "no teams", rows)
	})
	return parent("team", "Teams: add, list", add, list)
}

func (e *env) wearer() *cobra.Command {
	var name, team, zone string
	add := e.command("add ORG WEARER", "Add a wearer to an organisation", 2, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		w := registry.Wearer{Org: id[0], ID: id[1], Name: nameOr(name, id[1]), Zone: zone}
		if err := w.Team.UnmarshalText([]byte(team)); err != nil {
			return usage(fmt.Errorf("--team: %w", err))
		}
		if err := r.AddWearer(ctx, w); err != nil {
			return err
		}
		return e.say(c, w, "wearer %s of %s added", id[1], id[0])
	})
	add.Flags().StringVar(&name, "name", "", "name to show, the id where it is left out")
	add.Flags().StringVar(&team, "team", "", "team of the organisation")
	add.Flags().StringVar(&zone, "zone", "", "IANA time zone of the wearer, the organisation's where it is left out")
	list := e.command("list ORG", "List the wearers of an organisation", 1, func(_ context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		if err := mustKnow(r, id[0]); err != nil {
			return err
		}
		rows := [][]string{{"WEARER", "NAME", "TEAM"}}
		for _, w := range r.Wearers(id[0]) {
			rows = append(rows, []string{w.ID.String(), w.Name, w.Team.String()})
		}
		return e.table(c, r.Wearers(id[0]), "no wearers", rows)
	})
	return parent("wearer", "Wearers: add, list, export, erase", add, list, e.exportWearer(), e.eraseWearer())
}

func (e *env) device() *cobra.Command {
	var wearer, from, to, at string
	add := e.command("add ORG DEVICE", "Add a device to an organisation", 2, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		if err := r.AddDevice(ctx, id[0], id[1]); err != nil {
			return err
		}
		return e.say(c, map[string]any{"org": id[0], "id": id[1]},
			"device %s of %s added; say who wears it with `sitwell device assign %s %s --wearer WEARER`", id[1], id[0], id[0], id[1])
	})
	assign := e.command("assign ORG DEVICE --wearer WEARER", "Say who wears a device, from when to when", 2, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		if wearer == "" {
			return usage(errors.New("--wearer is missing: who wears the device?"))
		}
		w, err := schemas.ParseID(wearer)
		if err != nil {
			return usage(fmt.Errorf("--wearer: %w", err))
		}
		a := registry.Assignment{Wearer: w}
		if a.From, err = moment("from", from, time.Now()); err != nil {
			return err
		}
		if a.To, err = moment("to", to, time.Time{}); err != nil {
			return err
		}
		if err := r.Assign(ctx, id[0], id[1], a); err != nil {
			return err
		}
		return e.say(c, a, "device %s is worn by %s", id[1], a)
	})
	assign.Flags().StringVar(&wearer, "wearer", "", "who wears it")
	assign.Flags().StringVar(&from, "from", "", "RFC 3339 time, now where it is left out")
	assign.Flags().StringVar(&to, "to", "", "RFC 3339 time, open where it is left out")
	release := e.command("release ORG DEVICE", "End a device's open assignment", 2, func(ctx context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		t, err := moment("at", at, time.Now())
		if err != nil {
			return err
		}
		if err := r.Release(ctx, id[0], id[1], t); err != nil {
			return err
		}
		return e.say(c, map[string]any{"device": id[1], "to": t}, "device %s is worn by nobody from %s on", id[1], t.Format(time.RFC3339Nano))
	})
	release.Flags().StringVar(&at, "at", "", "RFC 3339 time, now where it is left out")
	list := e.command("list ORG", "List the devices of an organisation and who wears them", 1, func(_ context.Context, r *registry.Registry, c *client, id []schemas.ID) error {
		if err := mustKnow(r, id[0]); err != nil {
			return err
		}
		rows := [][]string{{"DEVICE", "WORN BY"}}
		for _, d := range r.Devices(id[0]) {
			if len(d.Assignments) == 0 {
				rows = append(rows, []string{d.ID.String(), "nobody"})
			}
			for _, a := range d.Assignments {
				rows = append(rows, []string{d.ID.String(), a.String()})
			}
		}
		return e.table(c, r.Devices(id[0]), "no devices", rows)
	})
	return parent("device", "Devices: add, assign, release, list", add, assign, release, list)
}

func nameOr(name string, id schemas.ID) string {
	if name == "" {
		return id.String()
	}
	return name
}

func mustKnow(r *registry.Registry, org schemas.ID) error {
	if _, ok := r.Org(org); !ok {
		return fmt.Errorf("organisation %s %w", org, registry.ErrNotFound)
	}
	return nil
}

// moment parses a time that was typed, to the millisecond.
func moment(flag, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise.UTC().Truncate(time.Millisecond), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usage(fmt.Errorf("--%s: %q is not a time such as 2026-11-20T09:00:00Z", flag, text))
	}
	return t.UTC(), nil
}
