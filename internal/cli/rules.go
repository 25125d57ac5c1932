package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

const rulesHelp = "Without ORG it is for the whole installation. The narrower scope counts over the wider one, parameter by\n" +
	"parameter: defaults, the installation, the organisation, the team, the wearer."

func (e *env) rules() *cobra.Command {
	return parent("rules", "Parameters of detection: list, show, set, reset, history",
		e.rulesList(), e.rulesShow(), e.rulesSet(), e.rulesReset(), e.rulesHistory())
}

func (e *env) rulesList() *cobra.Command {
	var cl client
	c := &cobra.Command{
		Use: "list", Short: "List the parameters with their defaults and bounds", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			rows := [][]string{{"PARAMETER", "DEFAULT", "LEAST", "MOST", "UNIT", "WHAT IT IS"}}
			for _, t := range detect.Tunables() {
				least, most := t.Bound(t.Least), t.Bound(t.Most)
				if t.Unit == detect.Switch {
					least, most = "off", "on"
				}
				rows = append(rows, []string{t.Key, t.Default, least, most, string(t.Unit), t.Doc})
			}
			return e.table(&cl, detect.Tunables(), "", rows)
		},
	}
	c.Flags().BoolVar(&cl.json, "json", false, "print JSON")
	return c
}

// whose is for whom a command's parameters are, as it was typed.
type whose struct{ org, team, wearer string }

func (w *whose) register(f *pflag.FlagSet) {
	f.StringVar(&w.team, "team", "", "for a team of the organisation")
	f.StringVar(&w.wearer, "wearer", "", "for one wearer of the organisation")
}

// scope is what was typed, whatever is registered.
func (w *whose) scope() (s tuning.Scope, err error) {
	if w.org == "" && w.team+w.wearer != "" {
		return s, usage(errors.New("--team and --wearer need the organisation they are of: name it first"))
	}
	if w.team != "" && w.wearer != "" {
		return s, usage(errors.New("--team and --wearer exclude one another"))
	}
	err = errors.Join(s.Org.UnmarshalText([]byte(w.org)), s.Team.UnmarshalText([]byte(w.team)), s.Wearer.UnmarshalText([]byte(w.wearer)))
	return s, usage(err)
}

// mustKnowScope refuses a scope of which something is not registered.
func mustKnowScope(r *registry.Registry, s tuning.Scope) error {
	if s.Org.IsZero() {
		return nil
	}
	if err := mustKnow(r, s.Org); err != nil {
		return err
	}
	if _, ok := r.Wearer(s.Org, s.Wearer); !ok && !s.Wearer.IsZero() {
		return fmt.Errorf("wearer %s of organisation %s %w", s.Wearer, s.Org, registry.ErrNotFound)
	}
	known := func(t registry.Team) bool { return t.ID == s.Team }
	if !s.Team.IsZero() && !slices.ContainsFunc(r.Teams(s.Org), known) {
		return fmt.Errorf("team %s of organisation %s %w", s.Team, s.Org, registry.ErrNotFound)
	}
	return nil
}

// withTuning lets work use the parameters of the running sitwell, for a scope of
// which everything is registered.
func (c *client) withTuning(ctx context.Context, s tuning.Scope, work func(ctx context.Context, r *registry.Registry, t *tuning.Tuning) error) error {
	return c.withLog(ctx, func(ctx context.Context, log *bus.Bus) error {
		kv, err := log.KV(ctx, bus.BucketRegistry)
		if err != nil {
			return err
		}
		quiet := slog.New(slog.DiscardHandler)
		r, err := registry.Open(ctx, kv, quiet)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		if err := mustKnowScope(r, s); err != nil {
			return err
		}
		t, err := tuning.Open(ctx, tuning.Options{Log: log, Team: teamOf(r), Logger: quiet})
		if err != nil {
			return err
		}
		defer func() { _ = t.Close() }()
		return work(ctx, r, t)
	})
}

func teamOf(r *registry.Registry) func(org, wearer schemas.ID) schemas.ID {
	return func(org, wearer schemas.ID) schemas.ID {
		w, _ := r.Wearer(org, wearer)
		return w.Team
	}
}

// shown is what `rules show` says.
type shown struct {
	Scope tuning.Scope `json:"scope"`
	tuning.Effective
	Later []coming `json:"later"` // changes that do not count yet
}

// coming is a revision and whose it is.
type coming struct {
	Scope tuning.Scope `json:"scope"`
	tuning.Revision
}

func (e *env) rulesShow() *cobra.Command {
	var cl client
	var w whose
	c := &cobra.Command{
		Use: "show [ORG [WEARER]]", Short: "Show the parameters in force, and who has set them", Args: cobra.MaximumNArgs(2),
		Long: "Shows the parameters that count for readings of now. " + rulesHelp,
		RunE: func(c *cobra.Command, args []string) error {
			typed := append(slices.Clone(args), "", "")
			w.org, w.wearer = typed[0], typed[1]
			s, err := w.scope()
			if err != nil {
				return err
			}
			return cl.withTuning(c.Context(), s, func(_ context.Context, r *registry.Registry, t *tuning.Tuning) error {
				return e.showRules(&cl, s, show(t, s, teamOf(r), time.Now()))
			})
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&w.team, "team", "", "of a team of the organisation")
	return c
}

// show asks for what is in force for a scope, and what will be.
func show(t *tuning.Tuning, s tuning.Scope, teamOf func(org, wearer schemas.ID) schemas.ID, now time.Time) shown {
	team := s.Team
	if !s.Wearer.IsZero() {
		team = teamOf(s.Org, s.Wearer)
	}
	v := shown{Scope: s, Effective: t.Effective(s.Org, team, s.Wearer, now), Later: []coming{}}
	scopes := []tuning.Scope{{}, {Org: s.Org}, {Org: s.Org, Team: team}, {Org: s.Org, Wearer: s.Wearer}}
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) { // what is not named leaves the wider one
			continue
		}
		for _, r := range t.History(scope) {
			if r.From.After(now) {
				v.Later = append(v.Later, coming{scope, r})
			}
		}
	}
	return v
}

func (e *env) showRules(cl *client, s tuning.Scope, v shown) error {
	rows := [][]string{{"PARAMETER", "VALUE", "SET FOR"}}
	for _, p := range v.Values {
		from := "default"
		if p.Scope != nil {
			from = p.Scope.String()
		}
		rows = append(rows, []string{p.Key, p.Value, from})
	}
	if err := e.table(cl, v, "", rows); err != nil || cl.json {
		return err
	}
	if _, err := fmt.Fprintf(e.out, "\nversion %s, for %s\n", v.Version, s); err != nil {
		return err
	}
	for _, c := range v.Later {
		if _, err := fmt.Fprintf(e.out, "from %s on: %s for %s\n", clock(c.From), words(c.Set), c.Scope); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) rulesHistory() *cobra.Command {
	var cl client
	var w whose
	c := &cobra.Command{
		Use: "history [ORG]", Short: "Show all changes of the parameters of a scope", Args: cobra.MaximumNArgs(1),
		Long: "Shows what was changed for a scope, when, and from which time of the readings on it counts. " + rulesHelp,
		RunE: func(c *cobra.Command, args []string) error {
			w.org = strings.Join(args, "")
			s, err := w.scope()
			if err != nil {
				return err
			}
			return cl.withTuning(c.Context(), s, func(_ context.Context, _ *registry.Registry, t *tuning.Tuning) error {
				rows := [][]string{{"REVISION", "CHANGED", "COUNTS FROM", "BY", "SET"}}
				all := append([]tuning.Revision{}, t.History(s)...)
				for _, r := range all {
					rows = append(rows, []string{
						strconv.Itoa(r.Number), r.At.Format(time.RFC3339), r.From.Format(time.RFC3339), printable(r.By), words(r.Set),
					})
				}
				return e.table(&cl, all, "nothing was ever set for "+s.String(), rows)
			})
		},
	}
	cl.register(c.Flags())
	w.register(c.Flags())
	return c
}

// words is overrides in one line.
func words(set map[string]string) string {
	if len(set) == 0 {
		return "nothing of its own"
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		all = append(all, key+"="+set[key])
	}
	return printable(strings.Join(all, " "))
}

func clock(t time.Time) string { return t.Local().Format("15:04:05 MST") }
