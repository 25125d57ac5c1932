package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"sitwell/internal/bus"
	"sitwell/internal/hindsight"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

func (e *env) recompute() *cobra.Command {
	var cl client
	var org, wearer, day string
	c := &cobra.Command{
		Use: "recompute --wearer WEARER --day YYYY-MM-DD", Short: "Rebuild a day from stored readings, with those that came too late", Args: exactly(0),
		Long: "Rebuilds a wearer's minutes and episodes of a day, which is the wearer's own, from stored readings: also from those\n" +
			"that came too late to be judged, with the same engine and the parameters of that time. What is stored of the day\n" +
			"is replaced. Nobody is nudged, and nudges that were given stay as they are. Doing it again changes nothing, nor\n" +
			"does doing it for a day on which nothing came late. An episode that began before midnight belongs to the day\n" +
			"before.",
		Example: "  sitwell recompute --wearer anna --day 2026-11-19",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := given(c, "wearer", "day"); err != nil {
				return err
			}
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				return usage(fmt.Errorf("--day: %q is no day such as 2026-11-20", day))
			}
			req := hindsight.RecomputeRequest{Day: day}
			report, err := e.requestDay(c.Context(), &cl, org, wearer, req)
			if err != nil {
				return err
			}
			if cl.json {
				return e.printJSON(report)
			}
			return e.showReport(report)
		},
	}
	f := c.Flags()
	cl.register(f)
	f.StringVar(&org, "org", "", "organisation of the wearer; may be left out if there is only one")
	f.StringVar(&wearer, "wearer", "", "whose day")
	f.StringVar(&day, "day", "", "the day, such as 2026-11-19")
	return c
}

// requestDay asks the running sitwell to rebuild a day.
func (e *env) requestDay(ctx context.Context, cl *client, org, wearer string, req hindsight.RecomputeRequest) (*hindsight.Report, error) {
	if org == "" {
		var err error
		if org, err = cl.onlyOrg(ctx); err != nil {
			return nil, err
		}
	}
	names, err := ids(org, wearer)
	if err != nil {
		return nil, err
	}
	req.Org, req.Wearer = names[0], names[1]
	log, closeLog, err := cl.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closeLog()
	show, done := e.partBar(cl.json, "rebuilding "+req.Day)
	defer done()
	return rebuild(ctx, log, req, show)
}

// onlyOrg is the organisation, if there is one alone.
func (c *client) onlyOrg(ctx context.Context) (org string, err error) {
	err = c.withRegistry(ctx, func(_ context.Context, r *registry.Registry) error {
		var all []schemas.ID
		for _, o := range r.Orgs() {
			all = append(all, o.ID)
		}
		org, err = theOnly(all)
		return err
	})
	return org, err
}

// silence is how long after the last answer the server counts as gone.
const silence = 10 * hindsight.Beat

// rebuild makes a request and takes its answers.
func rebuild(ctx context.Context, log *bus.Bus, req hindsight.RecomputeRequest, show func(part float64)) (*hindsight.Report, error) {
	request, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("recompute: %w", err)
	}
	inbox := log.Conn().NewInbox()
	answers, err := log.Conn().SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("recompute: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := log.Conn().PublishRequest(hindsight.RecomputeSubject, inbox, request); err != nil {
		return nil, fmt.Errorf("recompute: %w", err)
	}
	for {
		a, err := nextAnswer(ctx, answers)
		if err != nil {
			return nil, err
		}
		show(a.Part)
		switch {
		case !a.Done:
		case a.Error != "":
			return nil, errors.New(a.Error)
		case a.Report == nil:
			return nil, errors.New("recompute: the answer holds no report")
		default:
			return a.Report, nil
		}
	}
}

func nextAnswer(ctx context.Context, answers *nats.Subscription) (a hindsight.RecomputeAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	m, err := answers.NextMsgWithContext(ctx)
	switch {
	case errors.Is(err, nats.ErrNoResponders), err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503":
		return a, errors.New("nobody recomputes days here: the sitwell at this address does not keep the time series, or is older")
	case errors.Is(err, context.DeadlineExceeded):
		return a, errors.New("the running sitwell stopped answering; the day is as it was, or rebuilt whole")
	case err != nil:
		return a, fmt.Errorf("recompute: %w", err)
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("recompute: read the answer: %w", err)
	}
	return a, nil
}

// showReport prints what a day came to.
func (e *env) showReport(r *hindsight.Report) error {
	zone := zoneOf(r.Zone)
	w := &lineWriter{e: e}
	w.line("%s of %s (%s)", r.Day, r.Wearer, r.Zone)
	late := "none of them late"
	if r.Late > 0 {
		late = fmt.Sprintf("%d of them came too late and count now", r.Late)
	}
	w.line("readings  %d judged, %s", r.Readings-r.Unplaced, late)
	if r.Unplaced > 0 {
		w.line("          %d more came too late and contradict the others; they stay out", r.Unplaced)
	}
	w.line("minutes   %d, were %d; %d changed", r.Minutes, r.MinutesBefore, r.MinutesChanged)
	w.line("episodes  %d, were %d", r.Episodes, r.EpisodesBefore)
	if w.err != nil {
		return w.err
	}
	if !r.Changed() {
		w.line("Nothing is different from before.")
		return w.err
	}
	rows := [][]string{{"EPISODE", "", "ABOUT", "FROM", "BEFORE", "NOW"}}
	for _, c := range r.Changes {
		rows = append(rows, []string{c.Episode, string(c.Change), nameOfRule(c.Rule), c.Start.In(zone).Format("15:04:05"), ended(c.Before, zone), ended(c.After, zone)})
	}
	if len(rows) == 1 {
		return nil
	}
	w.line("")
	return e.table(&client{}, nil, "", rows)
}

// ended says what an episode came to, in a cell.
func ended(end *hindsight.EpisodeEnd, zone *time.Location) string {
	if end == nil {
		return "-"
	}
	lasted := hindsight.Lasting(time.Duration(end.Seconds * float64(time.Second)))
	if end.End.IsZero() {
		return fmt.Sprintf("level %d, %s, open", end.Level, lasted)
	}
	return fmt.Sprintf("level %d, %s, until %s", end.Level, lasted, end.End.In(zone).Format("15:04:05"))
}
