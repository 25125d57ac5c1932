package observe

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// column is one of the table of observations.
type column struct {
	title string
	cell  func(o *Observation) string
}

func columns() []column {
	return []column{
		{"recording", func(o *Observation) string { return o.Name }},
		{"min", func(o *Observation) string { return decimals(o.Seconds/60, 1) }},
		{"seated s, labels", func(o *Observation) string { return decimals(o.SeatedLabelsS, 0) }},
		{"engine", func(o *Observation) string { return decimals(o.SeatedS, 0) }},
		{"seated deg, forward/any", func(o *Observation) string {
			return decimals(o.SeatedDeg, 0) + "/" + decimals(o.SeatedTilt, 0)
		}},
		{"shifts", func(o *Observation) string { return fmt.Sprint(o.Shifts) }},
		{"shifts/h", func(o *Observation) string { return decimals(o.ShiftsPerHour(), 0) }},
		{"slouched %", func(o *Observation) string { return decimals(100*o.SlouchedShare, 0) }},
		{"load peak", func(o *Observation) string { return decimals(o.LoadPeak, 2) }},
		{"after s", func(o *Observation) string { return decimals(o.LoadPeakS, 0) }},
		{"load mean", func(o *Observation) string { return decimals(o.LoadMean, 2) }},
		{"hold peak", func(o *Observation) string { return decimals(o.HoldPeak, 2) }},
		{"moving s", func(o *Observation) string { return decimals(o.MovingS, 0) }},
		{"walks", func(o *Observation) string { return fmt.Sprint(o.Walks.Pieces) }},
		{"off deg, forward/side", func(o *Observation) string {
			if o.Walks.Pieces == 0 {
				return "-"
			}
			return decimals(o.Walks.FlexionOff, 1) + "/" + decimals(o.Walks.LeanOff, 1)
		}},
		{"run over", func(o *Observation) string { return fmt.Sprint(o.Walks.Run) }},
		{"asked for drift", func(o *Observation) string { return fmt.Sprint(o.Asked[schemas.Drift]) }},
		{"episodes", episodes},
	}
}

// episodes lists them by rule, in the rules' order.
func episodes(o *Observation) string {
	var all []string
	for _, rule := range schemas.Rules() {
		if n := o.Episodes[rule]; n > 0 {
			all = append(all, fmt.Sprintf("%s %d", strings.ReplaceAll(string(rule), "_", " "), n))
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

// decimals is a number with n decimals, and a dash for none.
func decimals(v float64, n int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.*f", n, v)
}

// Write writes a table of observations as Markdown for each data set, with a
// line on what they have in common.
func Write(out io.Writer, all []Observation) error {
	var b strings.Builder
	for _, kind := range []recording.Kind{recording.Chest, recording.Sternum} {
		some := slices.DeleteFunc(slices.Clone(all), func(o Observation) bool { return o.Kind != kind })
		if len(some) == 0 {
			continue
		}
		var titles, rules []string
		for _, c := range columns() {
			titles, rules = append(titles, c.title), append(rules, "---")
		}
		line(&b, titles)
		line(&b, rules)
		for i := range some {
			var cells []string
			for _, c := range columns() {
				cells = append(cells, c.cell(&some[i]))
			}
			line(&b, cells)
		}
		_, _ = fmt.Fprintf(&b, "\n%s\n\n", summary(kind, some))
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("write observations: %w", err)
	}
	return nil
}

func line(b *strings.Builder, cells []string) {
	_, _ = fmt.Fprintln(b, "| "+strings.Join(cells, " | ")+" |") // a builder never fails
}

func summary(kind recording.Kind, some []Observation) string {
	shifts, seconds, rates := 0, 0.0, []float64{}
	for i := range some {
		shifts += some[i].Shifts
		seconds += some[i].SeatedS
		if rate := some[i].ShiftsPerHour(); !math.IsNaN(rate) {
			rates = append(rates, rate)
		}
	}
	return fmt.Sprintf("%d %s recordings, %.0f min seated: %d posture shifts, %.0f an hour over all and %.0f at the median of those with a minute on the seat.",
		len(some), kind, seconds/60, shifts, float64(shifts)/seconds*3600, Median(rates))
}

// Median is the middle of some numbers, NaN of none.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
