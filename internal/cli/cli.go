// Package cli is the command line of sitwell: it reads settings, calls the
// packages that do the work and prints what they say.
//
// Run returns the exit code: 0 when all went well, 1 when something failed, 2
// when the command line or a configuration file was wrong. What a program may
// read is JSON with --json; errors go to the second writer.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"sitwell/internal/registry"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is an error in what the user typed or configured.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// env is what every command gets.
type env struct {
	version  string
	out, err io.Writer
	started  bool // a command was found and its flags were good
}

// Run runs one command line.
func Run(ctx context.Context, version string, args []string, out, errOut io.Writer) int {
	e := &env{version: version, out: out, err: errOut}
	root := e.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(errOut, "sitwell: %v\n", err)
	if bad := (usageError{}); !e.started || errors.As(err, &bad) || errors.Is(err, registry.ErrInvalid) {
		_, _ = fmt.Fprintf(errOut, "See `%s --help`.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// innards are what the parsing of a flag says about itself.
var innards = regexp.MustCompile(`: strconv\.\w+: parsing ".*?": invalid syntax`)

// The groups of the help.
const (
	groupTry     = "try"
	groupRun     = "run"
	groupManage  = "manage"
	groupInspect = "inspect"
)

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sitwell",
		Short: "Backend of posture wearables: readings in, break and stretch nudges out",
		Long: "sitwell takes posture and sitting-time readings of wearables over MQTT, spots prolonged slouching and\n" +
			"sitting, nudges the wearer, stores the time series and shows a wearer's day and an office's summary.\n\n" +
			"Start with `sitwell demo`: a simulated office in one process, nothing else to install.",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { e.started = true },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return errors.New(innards.ReplaceAllString(err.Error(), ""))
	})
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: groupTry, Title: "Try:"}, &cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupManage, Title: "Manage:"}, &cobra.Group{ID: groupInspect, Title: "Inspect:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		groupTry:     {e.demo(), e.simulate(), e.replay()},
		groupRun:     {e.serve(), e.ingest(), e.detect(), e.notify(), e.dashboard(), e.health()},
		groupManage:  {e.org(), e.team(), e.wearer(), e.device(), e.rules(), e.series()},
		groupInspect: {e.doctor(), e.quarantine(), e.explain(), e.backtest(), e.recompute(), e.showVersion()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	return root
}

func (e *env) showVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(e.out, e.version)
			return err
		},
	}
}

// exactly is for commands with a fixed number of arguments; it names those of
// the command's use.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		_, want, _ := strings.Cut(c.UseLine(), c.CommandPath()+" ")
		want, _, _ = strings.Cut(want, " [flags]")
		want, _, _ = strings.Cut(want, " --")
		if n == 0 {
			return fmt.Errorf("`%s` takes no arguments, got %s", c.CommandPath(), strings.Join(args, " "))
		}
		return fmt.Errorf("`%s` takes %s, not %q", c.CommandPath(), want, strings.Join(args, " "))
	}
}

// parent is a command that only groups others; alone it prints its help, and an
// unknown word below it is an error.
func parent(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath()))
			}
			return c.Help()
		},
	}
	c.AddCommand(children...)
	return c
}
