package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"sitwell/internal/erasure"
	"sitwell/schemas"
)

func (e *env) eraseWearer() *cobra.Command {
	var cl client
	var sure bool
	c := &cobra.Command{
		Use: "erase ORG WEARER", Short: "Remove a wearer and all that is stored of them, for good", Args: exactly(2),
		Long: "Removes a wearer from the registry and all of them from the time series and, as far as it can be picked out, from\n" +
			"the log; verifies by query that nothing is left, and prints what was removed, what goes by itself and until when.\n" +
			"It cannot be undone. Export the record first if it is wanted: `sitwell wearer export`. The figures of groups stay,\n" +
			"since nobody can be told from others in them.",
		Example: "  sitwell wearer erase acme anna",
		RunE: func(c *cobra.Command, args []string) error {
			names, err := ids(args...)
			if err != nil {
				return err
			}
			if !sure {
				if err := e.confirm(c.Context(), names[1]); err != nil {
					return err
				}
			}
			return e.erase(c.Context(), &cl, names[0], names[1])
		},
	}
	cl.register(c.Flags())
	c.Flags().BoolVar(&sure, "yes", false, "do not ask whether it is meant")
	return c
}

// confirm asks whoever sits at the terminal to type the wearer's name.
func (e *env) confirm(ctx context.Context, wearer schemas.ID) error {
	if !terminal(os.Stdin) || !terminal(e.err) {
		return usage(errors.New("an erasure cannot be undone; say --yes if it is meant"))
	}
	if _, err := fmt.Fprintf(e.err, "All that is stored of %s will be removed for good. Type %s to go on: ", wearer, wearer); err != nil {
		return err
	}
	typed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // whatever came before an error is not the name
		typed <- strings.TrimSpace(line)
	}()
	select {
	case line := <-typed:
		if line == wearer.String() {
			return nil
		}
	case <-ctx.Done():
	}
	return errors.New("nothing was removed")
}

func (e *env) erase(ctx context.Context, cl *client, org, wearer schemas.ID) error {
	log, closeLog, err := cl.open(ctx)
	if err != nil {
		return err
	}
	defer closeLog()
	done := e.spin(cl.json, "erasing "+wearer.String())
	certificate, err := erasure.Ask(ctx, log.Conn(), org, wearer)
	done()
	switch {
	case errors.Is(err, erasure.ErrUnknown):
		return fmt.Errorf("there is no wearer %s in %s, and nothing is stored of one; `sitwell wearer list %s` shows those there are", wearer, org, org)
	case err != nil:
		return err
	case cl.json:
		return e.printJSON(certificate)
	}
	return e.showCertificate(&certificate)
}

// spin shows a person that something goes on that has no length.
func (e *env) spin(quiet bool, what string) (done func()) {
	if quiet || !terminal(e.err) {
		return func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14),
		progressbar.OptionSetDescription(what), progressbar.OptionSetSpinnerChangeInterval(100*time.Millisecond))
	return func() { _ = bar.Finish() } // a bar that cannot be drawn is no reason to stop
}

// showCertificate prints what an erasure did.
func (e *env) showCertificate(c *erasure.Certificate) error {
	w := &lineWriter{e: e}
	w.line("%s of %s is erased, %s", c.Wearer, c.Org, c.Finished.Local().Format(time.DateTime))
	w.line("")
	w.line("removed   %d readings and events, %d minutes, %d episodes with %d findings, %d decisions about nudges",
		c.Store.Readings, c.Store.Rollups, c.Store.Episodes, c.Store.Findings, c.Store.Decisions)
	l := c.Log
	w.line("          of the log: %d findings, %d decisions, %d replies, %d refused messages, %d notes of the notifier, %d sets of parameters",
		l.Findings, l.Nudges, l.Replies, l.Quarantine, l.Ledger, l.Parameters)
	for _, d := range c.Devices {
		w.line("device    %s is nobody's now; `sitwell device assign` gives it to somebody else", d)
	}
	for _, v := range c.Verified {
		w.line("verified  %s", v)
	}
	for _, r := range c.Remains {
		if r.Until.IsZero() {
			w.line("remains   %s", r.What)
		} else {
			w.line("remains   %s, until %s", r.What, r.Until.Local().Format(time.DateTime))
		}
	}
	before := c.Before.Local().Format(time.DateTime)
	w.line("dropped   whatever the log still brings of before %s", before)
	w.line("again     a new wearer may be called %s after %s, not earlier: what devices send before is dropped", c.Wearer, before)
	return w.err
}
