package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"sitwell/internal/hindsight"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

// trial is what a backtest's command line says.
type trial struct {
	org, wearer, from, to, file string
}

func (e *env) backtest() *cobra.Command {
	var cl webClient
	var t trial
	c := &cobra.Command{
		Use: "backtest --wearer WEARER --from TIME --to TIME", Short: "Show the nudges that other parameters would have given", Args: exactly(0),
		Long: "Judges a wearer's stored readings again under other parameters and shows the nudges that would have come beside\n" +
			"those that did. The file of --rules has a line for each parameter, such as `slouch_deg: 18`; `sitwell rules show`\n" +
			"lists them. They are tried over the parameters that counted then; without --rules those alone are. Nobody is\n" +
			"nudged and nothing is changed. Readings that came too late are left out, as they were then. Times are RFC 3339,\n" +
			"or 2026-11-20 or 2026-11-20T14:30 in the wearer's own time zone; at most 31 days.",
		Example: "  sitwell backtest --wearer anna --from 2026-11-16 --to 2026-11-21 --rules gentler.yml",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := given(c, "wearer", "from", "to"); err != nil {
				return err
			}
			b, err := e.tryParameters(c.Context(), &cl, t)
			if err != nil {
				return err
			}
			if cl.json {
				return e.printJSON(b)
			}
			return e.showBacktest(&b)
		},
	}
	f := c.Flags()
	cl.register(f)
	f.StringVar(&t.org, "org", "", "organisation of the wearer; may be left out if there is only one")
	f.StringVar(&t.wearer, "wearer", "", "whose readings")
	f.StringVar(&t.from, "from", "", "the first moment")
	f.StringVar(&t.to, "to", "", "the last moment, exclusive")
	f.StringVar(&t.file, "rules", "", "file of parameters to try")
	return c
}

// given is an error if a flag that a command cannot do without is not there.
func given(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if !c.Flags().Changed(name) {
			return usage(fmt.Errorf("say --%s: %s", name, c.Flags().Lookup(name).Usage))
		}
	}
	return nil
}

// tryParameters asks the running sitwell, and shows how far it is.
func (e *env) tryParameters(ctx context.Context, cl *webClient, t trial) (b hindsight.Backtest, err error) {
	query, err := t.rules()
	if err != nil {
		return b, err
	}
	path, zone, err := cl.wearerOf(ctx, t.org, t.wearer)
	if err != nil {
		return b, err
	}
	for name, text := range map[string]string{"from": t.from, "to": t.to} {
		at, err := instant(name, text, zone)
		if err != nil {
			return b, err
		}
		query.Set(name, at.UTC().Format(time.RFC3339Nano))
	}
	show, done := e.partBar(cl.json, "judging again")
	defer done()
	found := false
	err = cl.ask(ctx, path+"/backtest", query, func(in io.Reader) error {
		return eachLine(in, func(line []byte) error {
			var answer struct {
				Progress *struct{ Part float64 }
				Result   *hindsight.Backtest
			}
			if err := json.Unmarshal(line, &answer); err != nil {
				return fmt.Errorf("read the backtest: %w", err)
			}
			if answer.Progress != nil {
				show(answer.Progress.Part)
			}
			if answer.Result != nil {
				b, found = *answer.Result, true
			}
			return nil
		})
	})
	if err == nil && !found {
		err = errors.New("the answer broke off before the result; the server's log has the reason")
	}
	return b, err
}

// rules reads the file of parameters as a query.
func (t *trial) rules() (url.Values, error) {
	query := url.Values{}
	if t.file == "" {
		return query, nil
	}
	f, err := os.Open(t.file)
	if err != nil {
		return nil, usage(fmt.Errorf("read --rules: %w", err))
	}
	defer func() { _ = f.Close() }()
	set, err := tuning.ParseRules(f, t.file)
	if err != nil {
		return nil, usage(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("read --rules: %w", err)
	}
	query.Set("rules", string(text))
	return query, nil
}

// instant is a time that was typed, in a zone where it names none.
func instant(flag, text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(fmt.Errorf("--%s: %q is no time such as 2026-11-20, 2026-11-20T14:30 or 2026-11-20T13:30:00Z", flag, text))
}

// partBar shows on a terminal which part of the work is done.
func (e *env) partBar(quiet bool, what string) (show func(part float64), done func()) {
	if quiet || !terminal(e.err) {
		return func(float64) {}, func() {}
	}
	const steps = 1000
	bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(40))
	show = func(part float64) { _ = bar.Set(int(part * steps)) } // a bar that cannot be drawn is no reason to stop
	return show, func() { _ = bar.Finish() }
}

// showBacktest prints both sides by time, and their sums.
func (e *env) showBacktest(b *hindsight.Backtest) error {
	zone := zoneOf(b.Zone)
	rows := [][]string{{"TIME", "ABOUT", "THEN", "NOW"}}
	for _, r := range b.Rows {
		rows = append(rows, []string{stamp(r.Time, zone), strings.ToLower(nameOfRule(r.Rule)) + ", " + worth(r.Level), became(r.Then, zone), became(r.Now, zone)})
	}
	if err := e.table(&client{}, nil, "no nudge came, and none would have come", rows); err != nil {
		return err
	}
	w := &lineWriter{e: e}
	w.line("")
	if w.err == nil {
		w.err = e.table(&client{}, nil, "", sumsOf(b))
	}
	w.line("\n%d readings of %s judged again, %s in %s; %s", b.Readings, b.Wearer, counted(int(b.Days), "day"), b.Zone, triedWords(b.Rules))
	w.line("The wearer of `now` does what the readings say and answers no nudge.")
	return w.err
}

func worth(level int) string {
	if level >= 3 {
		return "break"
	}
	return "nudge"
}

// became is what became of a nudge, in a cell.
func became(n *hindsight.Nudge, zone *time.Location) string {
	switch {
	case n == nil:
		return "-"
	case n.Status == schemas.ActionHeld:
		return "held: " + printable(n.Why)
	case n.Status == schemas.ActionAmbiguous:
		return "sent, not confirmed, " + n.Time.In(zone).Format("15:04:05")
	}
	return "sent " + n.Time.In(zone).Format("15:04:05")
}

func triedWords(rules map[string]string) string {
	if len(rules) == 0 {
		return "now: the parameters that counted then"
	}
	pairs := make([]string, 0, len(rules))
	for _, key := range slices.Sorted(maps.Keys(rules)) {
		pairs = append(pairs, key+" "+printable(rules[key]))
	}
	return "now: " + strings.Join(pairs, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sumsOf is the table of both sides.
func sumsOf(b *hindsight.Backtest) [][]string {
	number := strconv.Itoa
	rows := [][]string{
		{"", "THEN", "NOW"},
		{"nudges sent", number(b.Then.Sent), number(b.Now.Sent)},
		{"nudges a day", fmt.Sprintf("%.1f", b.Then.SentPerDay), fmt.Sprintf("%.1f", b.Now.SentPerDay)},
		{"nudges held", number(b.Then.Held), number(b.Now.Held)},
	}
	for _, rule := range schemas.Rules() {
		if then, now := b.Then.Episodes[rule], b.Now.Episodes[rule]; then > 0 || now > 0 {
			rows = append(rows, []string{"episodes: " + strings.ToLower(nameOfRule(rule)), number(then), number(now)})
		}
	}
	return rows
}
