package export

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// placeColumns are those that name a reading.
func placeColumns() []string { return []string{"time", "device", "boot", "seq", "late"} }

func placeOf(r *series.Reading) []string {
	return []string{text(r.At()), r.Device.String(), number(r.Boot), number(r.Seq), strconv.FormatBool(r.Late)}
}

func tables() []table {
	return []table{readingsTable(), eventsTable(), minutesTable(), episodesTable(), findingsTable(), decisionsTable()}
}

func readingsTable() table {
	all := fields()
	columns := placeColumns()
	for _, f := range all {
		columns = append(columns, f.name)
	}
	return table{"readings", columns, func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		return r.Readings(ctx, q, func(x series.Reading) error {
			if x.Event != nil {
				return nil
			}
			cells := placeOf(&x)
			for _, f := range all {
				value := ""
				if x.Fields.Has(f.has) {
					value = string(f.value(nil, &x.Reading))
				}
				cells = append(cells, value)
			}
			return row(cells...)
		})
	}}
}

// The members of an event as a device sends them; what an event has not is empty.
func eventsTable() table {
	members := []string{"type", "pose", "upright", "worn", "battery_pct", "axis", "peak_dps", "range_deg", "duration_ms", "peak_g"}
	return table{"events", append(placeColumns(), members...), func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		return r.Readings(ctx, q, func(x series.Reading) error {
			if x.Event == nil {
				return nil
			}
			b, err := json.Marshal(x.Event)
			if err != nil {
				return err
			}
			var has map[string]json.RawMessage
			if err := json.Unmarshal(b, &has); err != nil {
				return err
			}
			cells := placeOf(&x)
			for _, m := range members {
				value := string(has[m])
				if s := ""; json.Unmarshal(has[m], &s) == nil {
					value = cell(s)
				}
				cells = append(cells, value)
			}
			return row(cells...)
		})
	}}
}

func minutesTable() table {
	columns := []string{
		"time", "sitting_s", "standing_s", "moving_s", "not_worn_s", "upright_s", "slouched_s", "flexion_deg", "breaks",
		"flexion_p95_deg", "lean_left_s", "lean_right_s", "bent_s", "load_peak", "shifts", "bout_s",
	}
	return table{"minutes", columns, func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		all, err := r.Rollups(ctx, q)
		for i := 0; i < len(all) && err == nil; i++ {
			m := &all[i]
			err = row(text(time.Unix(m.Minute*60, 0)), float32s(m.Sitting), float32s(m.Standing), float32s(m.Moving), float32s(m.NotWorn),
				float32s(m.Upright), float32s(m.Slouched), float32s(m.Flexion), number(m.Breaks), float32s(m.FlexionP95),
				float32s(m.LeanLeft), float32s(m.LeanRight), float32s(m.Bent), float32s(m.LoadPeak), number(m.Shifts), float32s(m.Bout))
		}
		return err
	}}
}

func episodesTable() table {
	columns := []string{"episode", "rule", "start", "end", "level", "outcome", "seconds", "flexion_deg", "severity", "cause"}
	return table{"episodes", columns, func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		return r.episodes(ctx, q, func(e *series.Episode) error {
			return row(cell(e.ID), cell(string(e.Rule)), text(e.Start), textOrNone(e.End), number(e.Level), cell(string(e.Outcome)),
				float(e.Seconds), float(e.FlexionDeg), severity(e.Severity), cell(string(e.Cause)))
		})
	}}
}

func severity(s schemas.Severity) string {
	if s == 0 {
		return ""
	}
	return s.String()
}

// A finding's receipt is one cell of JSON: its limits and values differ from rule to rule.
func findingsTable() table {
	columns := []string{
		"episode", "id", "rule", "step", "level", "start", "time", "end", "outcome", "seconds", "flexion_deg", "severity", "cause",
		"device", "boot", "seq", "receipt",
	}
	return table{"findings", columns, func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		return r.episodes(ctx, q, func(e *series.Episode) error {
			return r.findings(ctx, e.ID, func(f *schemas.Finding) error {
				receipt := ""
				if f.Receipt != nil {
					b, err := json.Marshal(f.Receipt)
					if err != nil {
						return err
					}
					receipt = string(b)
				}
				return row(cell(f.Episode), cell(f.ID), cell(string(f.Rule)), cell(string(f.Step)), number(f.Level), text(f.Start), text(f.Time),
					textOrNone(f.End), cell(string(f.Outcome)), float(f.Seconds), float(f.FlexionDeg), severity(f.Severity),
					cell(string(f.Cause)), f.Device.String(), number(f.Boot), number(f.Seq), receipt)
			})
		})
	}}
}

func decisionsTable() table {
	columns := []string{
		"id", "nudge", "episode", "device", "rule", "level", "time", "decided", "action", "held_by", "why", "text", "reason", "reply", "seconds", "outcome",
	}
	return table{"decisions", columns, func(ctx context.Context, r *record, q series.Query, row func(...string) error) error {
		all, err := r.Decisions(ctx, q)
		for i := 0; i < len(all) && err == nil; i++ {
			d := &all[i]
			err = row(cell(d.ID), cell(d.Nudge), cell(d.Episode), d.Device.String(), cell(string(d.Rule)), number(d.Level), text(d.Time),
				textOrNone(d.Decided), cell(string(d.Action)), cell(d.HeldBy), cell(d.Why), cell(d.Text), cell(d.Reason), cell(d.Reply),
				float(d.Seconds), cell(string(d.Outcome)))
		}
		return err
	}}
}
