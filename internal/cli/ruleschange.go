package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sitwell/detect"
	"sitwell/internal/registry"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

// outcome is what a change has led to.
type outcome struct {
	Scope   tuning.Scope `json:"scope"`
	Changed bool         `json:"changed"`
	tuning.Revision
}

// ruleChange makes a command that changes parameters; parse takes what is typed
// behind the flags and tells the organisation and the change.
func (e *env) ruleChange(c *cobra.Command, parse func(args []string) (org string, apply change, err error)) *cobra.Command {
	var cl client
	var w whose
	var by string
	c.RunE = func(c *cobra.Command, args []string) error {
		org, apply, err := parse(args)
		if err != nil {
			return usage(err)
		}
		w.org = org
		s, err := w.scope()
		if err != nil {
			return err
		}
		return cl.withTuning(c.Context(), s, func(ctx context.Context, r *registry.Registry, t *tuning.Tuning) error {
			revision, err := apply(ctx, r, t, s, by)
			if errors.Is(err, detect.ErrParams) {
				return usage(err)
			}
			return e.tellChange(&cl, s, t, revision, err)
		})
	}
	cl.register(c.Flags())
	w.register(c.Flags())
	c.Flags().StringVar(&by, "by", "", "who makes the change, for its history")
	return c
}

type change func(ctx context.Context, r *registry.Registry, t *tuning.Tuning, s tuning.Scope, by string) (tuning.Revision, error)

func (e *env) tellChange(cl *client, s tuning.Scope, t *tuning.Tuning, r tuning.Revision, err error) error {
	if errors.Is(err, tuning.ErrUnchanged) {
		h := t.History(s)
		if len(h) > 0 {
			r = h[len(h)-1]
		}
		return e.say(cl, outcome{s, false, r}, "nothing changes: that is what %s has already", s)
	}
	if err != nil {
		return err
	}
	return e.say(cl, outcome{s, true, r}, "%s: revision %d, %s\n%s", s, r.Number, words(r.Set), counts(r))
}

func (e *env) rulesSet() *cobra.Command {
	return e.ruleChange(&cobra.Command{
		Use: "set [ORG] KEY=VALUE...", Short: "Change parameters, within their bounds, without a restart",
		Long: "Changes parameters. " + rulesHelp + "\n\n`default` as a value takes a parameter back to what the wider scope says. " +
			"A change counts from a little\nover two minutes later on, so that nothing that was judged changes.",
		Example: "  sitwell rules set slouch_nudge=90s\n  sitwell rules set acme --wearer anna slouch_deg=18 hydration=on",
	}, func(args []string) (string, change, error) {
		org := ""
		if len(args) > 0 && !strings.Contains(args[0], "=") {
			org, args = args[0], args[1:]
		}
		changes, err := assignments(args)
		return org, func(ctx context.Context, _ *registry.Registry, t *tuning.Tuning, s tuning.Scope, by string) (tuning.Revision, error) {
			return t.Set(ctx, s, changes, by)
		}, err
	})
}

// assignments parses KEY=VALUE and checks each bound.
func assignments(args []string) (map[string]string, error) {
	if len(args) == 0 {
		return nil, errors.New("what is to be set? Give KEY=VALUE; `sitwell rules list` names the parameters")
	}
	changes := map[string]string{}
	var errs []error
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if _, twice := changes[key]; twice {
			errs = append(errs, fmt.Errorf("%s is set twice", key))
		}
		if !ok {
			errs = append(errs, fmt.Errorf("%q is not KEY=VALUE", arg))
		} else if value != tuning.Default {
			errs = append(errs, detect.Defaults().Set(key, value))
		}
		changes[key] = value
	}
	return changes, errors.Join(errs...)
}

func (e *env) rulesReset() *cobra.Command {
	return e.ruleChange(&cobra.Command{
		Use: "reset [ORG] [KEY...]", Short: "Take parameters back to what the wider scope says, all where none is named",
		Long: "Takes back what was set for a scope. " + rulesHelp,
	}, func(args []string) (string, change, error) {
		org := ""
		if len(args) > 0 && detect.Defaults().Get(args[0]) == "" {
			org, args = args[0], args[1:]
		}
		return org, func(ctx context.Context, r *registry.Registry, t *tuning.Tuning, s tuning.Scope, by string) (tuning.Revision, error) {
			if org == "" && len(args) > 0 {
				if err := notAnOrg(r, args[0]); err != nil {
					return tuning.Revision{}, err
				}
			}
			return t.Reset(ctx, s, args, by)
		}, nil
	})
}

// notAnOrg refuses to guess where an organisation is named like a parameter.
func notAnOrg(r *registry.Registry, word string) error {
	id, err := schemas.ParseID(word)
	if err != nil {
		return nil //nolint:nilerr // what is no identifier names no organisation
	}
	if _, ok := r.Org(id); ok {
		return usage(fmt.Errorf("%s is a parameter and an organisation; say `sitwell rules set %s=default` or `sitwell rules set %s KEY=default`", word, word, word))
	}
	return nil
}

// counts says from when on a change counts.
func counts(r tuning.Revision) string {
	d := r.From.Sub(r.At)
	in := plural(int(d/time.Minute), "minute")
	if s := int(d % time.Minute / time.Second); s > 0 {
		in += " " + plural(s, "second")
	}
	return fmt.Sprintf("counts for readings from %s on, in %s, so that nothing judged so far changes", clock(r.From), in)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
