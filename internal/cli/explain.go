package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sitwell/internal/hindsight"
	"sitwell/schemas"
)

func (e *env) explain() *cobra.Command {
	var cl webClient
	c := &cobra.Command{
		Use: "explain FINDING", Short: "Say why something was found, and prove it by judging its readings again", Args: exactly(1),
		Long: "Shows a finding with its receipt: what was found when, by which rule with which limits, under which parameters\n" +
			"and calibration, from which readings of which device. Then judges those readings again, from the state that the\n" +
			"receipt noted, and says whether the same comes out, bit for bit. FINDING is a finding's id, an episode's (then\n" +
			"it is the highest it reached) or a nudge's. Exits 0 if it is the same, else 1.",
		Example: "  sitwell explain 9f86d081884c7d65-escalated2\n  sitwell explain 9f86d081884c7d65-2 --json",
		RunE: func(c *cobra.Command, args []string) error {
			x, err := fetchExplanation(c.Context(), &cl, args[0])
			if err != nil {
				return err
			}
			if cl.json {
				err = e.printJSON(x)
			} else {
				err = e.showExplanation(&x)
			}
			if err != nil {
				return err
			}
			return proven(&x)
		},
	}
	cl.register(c.Flags())
	return c
}

func fetchExplanation(ctx context.Context, cl *webClient, id string) (x hindsight.Explanation, err error) {
	err = cl.get(ctx, "/api/v1/findings/"+url.PathEscape(id), &x)
	if unknown := (unknownError{}); errors.As(err, &unknown) {
		return x, fmt.Errorf("there is no finding, episode or nudge %q; the API's nudges and episodes of a wearer give their ids", id)
	}
	return x, err
}

// proven is an error unless judging again gave the same.
func proven(x *hindsight.Explanation) error {
	r := &x.Replay
	switch r.Verdict {
	case hindsight.Same:
		return nil
	case hindsight.Differs:
		return errors.New("judged again, the finding is different")
	case hindsight.Missing:
		return errors.New("judged again, the readings do not give this finding")
	case hindsight.Gone:
		return fmt.Errorf("the finding cannot be proved any more: its readings are no longer stored; they are kept for %d days", int(schemas.MaxAge.Hours()/24))
	case hindsight.OtherEngine:
		return fmt.Errorf("the finding cannot be proved by this build: it was judged by version %d of the engine, this is version %d", x.Finding.Receipt.Engine, r.Engine)
	case hindsight.NoReceipt:
		return errors.New("the finding cannot be proved: it was stored without a receipt, by a build before this one")
	}
	return fmt.Errorf("the finding is not proved: %s", r.Verdict)
}

// lineWriter writes lines and remembers the first error.
type lineWriter struct {
	e   *env
	err error
}

func (w *lineWriter) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.e.out, format+"\n", args...)
	}
}

// showExplanation prints a finding for people.
func (e *env) showExplanation(x *hindsight.Explanation) error {
	f, zone := &x.Finding, zoneOf(x.Zone)
	w := &lineWriter{e: e}
	w.line("%s", headline(f))
	w.line("")
	w.line("wearer       %s of %s", x.Wearer, x.Org)
	w.line("when         %s to %s (%s)", stamp(f.Start, zone), f.Time.In(zone).Format("15:04:05"), x.Zone)
	w.line("told         %s", told(x, zone))
	if why := causeName(f); why != "" {
		w.line("because      %s", why)
	}
	w.line("severity     %s", f.Severity)
	if f.FlexionDeg != 0 {
		w.line("flexion      %.1f degrees forward", f.FlexionDeg)
	}
	if r := f.Receipt; r != nil {
		for _, kind := range []struct{ kind, title string }{{hindsight.KindValue, "found"}, {hindsight.KindLimit, "limits"}} {
			title := kind.title
			for _, word := range x.Words {
				if word.Kind == kind.kind {
					w.line("%-12s %s: %s", title, word.Label, word.Text)
					title = ""
				}
			}
		}
		w.line("parameters   %s, version %d of the rule, version %d of the engine", version(r.Parameters), r.Version, r.Engine)
		w.line("calibration  %s", calibration(r))
		w.line("readings     %s", readings(x, zone))
	}
	if len(x.Curve) > 1 && w.err == nil {
		title, dots := curve(f.Rule, x.Curve)
		w.line("\n%s", title)
		w.err = plot(e.out, dots, zone)
	}
	w.line("\n%s", verdict(x))
	for _, d := range x.Replay.Differences {
		w.line("  %s: was %s, is %s", d.Field, orNothing(d.Stored), orNothing(d.Again))
	}
	return w.err
}

// curve is what is drawn of a rule's readings.
func curve(rule schemas.Rule, points []hindsight.Point) (title string, dots []dot) {
	title = "forward flexion"
	if rule == schemas.RuleLean {
		title = "lean, right above and left below zero"
	}
	for _, p := range points {
		d := dot{p.Time, p.FlexionDeg}
		if rule == schemas.RuleLean {
			d.value = p.LeanDeg
		}
		dots = append(dots, d)
	}
	return title, dots
}

// readings says which were judged again, over two runs of a device where the
// episode crosses them.
func readings(x *hindsight.Explanation, zone *time.Location) string {
	from, to := x.Finding.Receipt.From, x.Finding.Receipt.To
	begin := fmt.Sprintf("number %d (%s)", from.Seq, stamp(from.Time, zone))
	end := fmt.Sprintf("%d (%s)", to.Seq, stamp(to.Time, zone))
	if from.Device == to.Device && from.Boot == to.Boot {
		return fmt.Sprintf("%d of %s, run %d: %s to %s", x.Replay.Readings, to.Device, to.Boot, begin, end)
	}
	return fmt.Sprintf("%d, from %s of %s, run %d, to number %s of %s, run %d", x.Replay.Readings, begin, from.Device, from.Boot, end, to.Device, to.Boot)
}

// causeName is why the upright pose has to be measured again, "" for other rules.
func causeName(f *schemas.Finding) string {
	switch f.Cause {
	case schemas.WhileMoving:
		return "the pose was measured while moving"
	case schemas.WhileSlouched:
		return "the pose was measured while leaning or slouching"
	case schemas.WrongPose:
		return "the pose was measured sitting in place of standing, or the other way round"
	case schemas.Degenerate:
		return "the measured pose is none that an upright back can have"
	case schemas.TooFew:
		return "hardly a reading came while the pose was measured"
	case schemas.Drift:
		return "the strap has shifted"
	case schemas.Rewear:
		return "the device was taken off and put on again"
	case schemas.Left, schemas.Right, schemas.Fast, schemas.Sudden: // its headline says so
	}
	return ""
}

// verdict says what judging again came to.
func verdict(x *hindsight.Explanation) string {
	switch r := &x.Replay; {
	case r.Verdict == hindsight.Same && r.Recomputed:
		return fmt.Sprintf("Judged again with the %d readings that came too late, as the recomputed day has it: the same, bit for bit.", r.Late)
	case r.Verdict == hindsight.Same:
		return "Judged again: the same, bit for bit."
	case r.Verdict == hindsight.Differs && r.OtherArch(&x.Finding):
		return "It was judged on another kind of processor (" + x.Finding.Receipt.Arch + ", this one is " + r.Arch + "), so the last digits may differ. Judged again, this is different."
	case r.Verdict == hindsight.Differs:
		return "Judged again, this is different."
	}
	return "Not proved."
}

// headline says in a sentence what a finding tells.
func headline(f *schemas.Finding) string {
	what := ruleName(f)
	lasted := hindsight.Lasting(time.Duration(f.Seconds * float64(time.Second)))
	switch f.Step {
	case schemas.Closed:
		return fmt.Sprintf("%s ended after %s: %s.", what, lasted, outcomeName(f.Outcome))
	case schemas.Risen:
		return fmt.Sprintf("%s: the wearer has got up, after %s.", what, lasted)
	case schemas.Raised:
		return fmt.Sprintf("%s has become more severe, after %s.", what, lasted)
	case schemas.Opened, schemas.Escalated:
	}
	worth := [...]string{"seen", "seen", "worth a nudge", "worth a break"}[min(max(f.Level, 0), 3)]
	if f.Seconds == 0 {
		return fmt.Sprintf("%s: %s.", what, worth)
	}
	return fmt.Sprintf("%s for %s: %s.", what, lasted, worth)
}

// ruleName is a rule for people, with its cause where that says more.
func ruleName(f *schemas.Finding) string {
	switch {
	case f.Rule == schemas.RuleLean && f.Cause != "":
		return "Leaning to the " + string(f.Cause)
	case f.Rule == schemas.RuleSudden && f.Cause == schemas.Fast:
		return "Fast movement"
	}
	return nameOfRule(f.Rule)
}

func nameOfRule(rule schemas.Rule) string {
	switch rule {
	case schemas.RuleSlouch:
		return "Leaning or slouching"
	case schemas.RuleLoad:
		return "Load on the back"
	case schemas.RuleHold:
		return "Held position"
	case schemas.RuleSitting:
		return "Long sitting"
	case schemas.RuleImmobility:
		return "Sitting still"
	case schemas.RuleLean:
		return "Leaning to one side"
	case schemas.RuleSudden:
		return "Sudden movement"
	case schemas.RuleBending:
		return "Repeated bending"
	case schemas.RuleHydration:
		return "Time for a drink"
	case schemas.RuleOffline:
		return "No readings"
	case schemas.RuleBattery:
		return "Battery low"
	case schemas.RuleCalibration:
		return "Calibration needed"
	}
	return strings.ReplaceAll(string(rule), "_", " ")
}

func outcomeName(o schemas.Outcome) string {
	switch o {
	case schemas.Recovered:
		return "upright again"
	case schemas.Moved:
		return "the wearer moved"
	case schemas.Break:
		return "a break"
	case schemas.Stood:
		return "the wearer stood up"
	case schemas.Unknown:
		return "nothing more is known"
	case schemas.Shifted:
		return "the posture was shifted"
	case schemas.Momentary:
		return "it was a moment"
	case schemas.Back:
		return "readings came again"
	case schemas.Charged:
		return "the device was charged"
	case schemas.Calibrated:
		return "an upright pose was measured"
	}
	return string(o)
}

// told lists the steps of the episode, with the one that is explained in brackets.
func told(x *hindsight.Explanation, zone *time.Location) string {
	episode := slices.Clone(x.Episode)
	order := []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Raised, schemas.Risen, schemas.Closed}
	slices.SortStableFunc(episode, func(a, b schemas.Finding) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(slices.Index(order, a.Step), slices.Index(order, b.Step)))
	})
	steps := make([]string, len(episode))
	for i := range episode {
		f := &episode[i]
		name := string(f.Step)
		if f.Step == schemas.Opened || f.Step == schemas.Escalated {
			name = [...]string{"seen", "seen", "worth a nudge", "worth a break"}[min(max(f.Level, 0), 3)]
		}
		at := f.Time
		if f.Step == schemas.Closed {
			at, name = f.End, "over"
		}
		steps[i] = at.In(zone).Format("15:04:05") + " " + name
		if f.ID == x.Finding.ID {
			steps[i] = "[" + steps[i] + "]"
		}
	}
	return strings.Join(steps, ", ")
}

func stamp(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02 15:04:05") }

func version(parameters string) string {
	if parameters == "default" {
		return "the defaults"
	}
	return parameters
}

func calibration(r *schemas.Receipt) string {
	if r.Zero == nil {
		return "the device's own, or none was needed"
	}
	u := r.Zero.Upright
	return fmt.Sprintf("%s, upright at (%.3f, %.3f, %.3f) g", r.Zero.Pose, float64(u[0])/1000, float64(u[1])/1000, float64(u[2])/1000)
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
