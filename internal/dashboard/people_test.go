//go:build serve

package dashboard

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// habits is how somebody works.
type habits struct {
	rng     *rand.Rand
	flexion float64 // usual, in degrees
	bout    float64 // usual, in minutes
}

func habitsOf(w registry.Wearer) *habits {
	id := w.ID.String()
	rng := rand.New(rand.NewPCG(uint64(id[0]), uint64(len(id))<<8|uint64(id[len(id)-1])))
	return &habits{rng: rng, flexion: 6 + 9*rng.Float64(), bout: 22 + 30*rng.Float64()}
}

// workday writes somebody's day as the pipeline would, from half past eight to
// five, or to now.
func (h *habits) workday(w registry.Wearer, midnight, now time.Time) series.Batch {
	var b series.Batch
	at := midnight.Add(8*time.Hour + time.Duration(20+h.rng.IntN(25))*time.Minute)
	end := midnight.Add(17*time.Hour + time.Duration(h.rng.IntN(40))*time.Minute)
	lunch := midnight.Add(12*time.Hour + time.Duration(h.rng.IntN(30))*time.Minute)
	if now.Before(end) {
		end = now
	}
	var drift float64
	for at.Before(end) {
		switch {
		case !at.Before(lunch) && at.Before(lunch.Add(20*time.Minute)):
			for range 35 {
				b.Rollups = append(b.Rollups, schemas.Rollup{Org: w.Org, Wearer: w.ID, Minute: at.Unix() / 60, NotWorn: 60})
				at = at.Add(time.Minute)
			}
		case h.rng.Float64() < 0.12:
			at = h.stand(w, &b, at, end)
		default:
			at = h.sit(w, &b, at, end, &drift)
		}
		at = h.walk(w, &b, at, end)
	}
	return b
}

func (h *habits) sit(w registry.Wearer, b *series.Batch, at, end time.Time, drift *float64) time.Time {
	start := at
	minutes := int(h.bout * math.Exp(0.45*h.rng.NormFloat64()))
	var slouch time.Time
	for m := range minutes {
		if !at.Before(end) {
			return at
		}
		*drift = 0.93**drift + 1.5*h.rng.NormFloat64()
		deg := max(-6, h.flexion+0.09*float64(m)+*drift)
		slouched := 56 / (1 + math.Exp((14.5-deg)/1.8))
		b.Rollups = append(b.Rollups, schemas.Rollup{
			Org: w.Org, Wearer: w.ID, Minute: at.Unix() / 60, Sitting: 60,
			Upright: float32(56 - slouched), Slouched: float32(slouched), Flexion: float32(math.Round(deg*10) / 10),
		})
		switch {
		case deg >= 15 && slouch.IsZero():
			slouch = at.Add(12 * time.Second)
		case deg < 13 && !slouch.IsZero():
			if at.Sub(slouch) > 2*time.Minute {
				h.episode(w, b, schemas.RuleSlouch, slouch, at, h.flexion+9, schemas.Recovered)
			}
			slouch = time.Time{}
		}
		at = at.Add(time.Minute)
	}
	if at.Sub(start) > 20*time.Minute {
		h.episode(w, b, schemas.RuleSitting, start, at, 0, schemas.Break)
	}
	return at
}

func (h *habits) stand(w registry.Wearer, b *series.Batch, at, end time.Time) time.Time {
	for range 10 + h.rng.IntN(20) {
		if !at.Before(end) {
			break
		}
		b.Rollups = append(b.Rollups, schemas.Rollup{
			Org: w.Org, Wearer: w.ID, Minute: at.Unix() / 60, Standing: 52, Moving: 8, Upright: 48, Slouched: 4,
			Flexion: float32(math.Round(10*(3+2*h.rng.NormFloat64())) / 10),
		})
		at = at.Add(time.Minute)
	}
	return at
}

func (h *habits) walk(w registry.Wearer, b *series.Batch, at, end time.Time) time.Time {
	for i := range 3 + h.rng.IntN(7) {
		if !at.Before(end) {
			break
		}
		r := schemas.Rollup{Org: w.Org, Wearer: w.ID, Minute: at.Unix() / 60, Moving: 46, Standing: 14}
		if i == 2 {
			r.Breaks = 1
		}
		b.Rollups = append(b.Rollups, r)
		at = at.Add(time.Minute)
	}
	return at
}

// episode writes an episode's findings, and what came of its nudge.
func (h *habits) episode(w registry.Wearer, b *series.Batch, rule schemas.Rule, start, end time.Time, deg float64, how schemas.Outcome) {
	id := schemas.EpisodeID(w.Org, w.ID, rule, start)
	add := func(step schemas.Step, level int, at time.Time) {
		f := schemas.Finding{
			Schema: schemas.SchemaFinding, ID: fmt.Sprintf("%s-%s-%d", id, step, level), Episode: id, Org: w.Org, Wearer: w.ID,
			Device: w.ID, Rule: rule, Step: step, Level: level, Start: start, Time: at, Seconds: at.Sub(start).Seconds(), FlexionDeg: math.Round(deg*10) / 10,
		}
		if step == schemas.Closed {
			f.Time, f.End, f.Outcome = end.Add(5*time.Second), end, how
		}
		b.Findings = append(b.Findings, f)
	}
	first, worth := 30*time.Second, 2*time.Minute
	text, reason := "Lean back gently and grow tall.", "You have been leaning or slouching forward for 2 minutes."
	if rule == schemas.RuleSitting {
		first, worth = 20*time.Minute, 30*time.Minute
		text, reason = "Time to stand up and walk a few steps.", "You have been sitting for 30 minutes."
	}
	add(schemas.Opened, 1, start.Add(first))
	if at := start.Add(worth); at.Before(end) {
		add(schemas.Escalated, 2, at)
		h.nudge(w, b, id, rule, at, end, text, reason, how)
	}
	add(schemas.Closed, 2, end)
}

func (h *habits) nudge(w registry.Wearer, b *series.Batch, episode string, rule schemas.Rule, at, end time.Time, text, reason string, how schemas.Outcome) {
	d := schemas.Decision{
		Schema: schemas.SchemaDecision, Nudge: episode + "-2", Episode: episode, Org: w.Org, Wearer: w.ID, Device: w.ID, Rule: rule,
		Level: 2, Time: at, Action: schemas.ActionSent, Text: text, Reason: reason,
	}
	if h.rng.Float64() < 0.3 {
		d.Action, d.HeldBy, d.Why = schemas.ActionHeld, "spacing", "The last nudge was less than 20 minutes ago."
	}
	then := func(action schemas.Action, at time.Time) schemas.Decision {
		d.ID, d.Action, d.Time = fmt.Sprintf("%s-%s", d.Nudge, action), action, at
		return d
	}
	b.Decisions = append(b.Decisions, then(d.Action, at))
	if d.Action == schemas.ActionHeld {
		return
	}
	if h.rng.Float64() < 0.4 {
		d.Reply = []string{"done", "snooze"}[h.rng.IntN(2)]
		b.Decisions = append(b.Decisions, then(schemas.ActionReplied, at.Add(9*time.Second)))
	}
	d.Seconds, d.Outcome = end.Sub(at).Seconds(), how
	b.Decisions = append(b.Decisions, then(schemas.ActionCorrected, end))
}

// work stores days of everybody's work that end at now, weekends off.
func (w *world) work(t testing.TB, people []registry.Wearer, days int, now time.Time) {
	t.Helper()
	local := now.In(registry.Org{Zone: "Europe/Vienna"}.Location())
	all := series.Batch{Stream: schemas.StreamRollups, Seq: 1}
	findings := series.Batch{Stream: schemas.StreamFindings, Seq: 1}
	nudges := series.Batch{Stream: schemas.StreamNudges, Seq: 1}
	for _, p := range people {
		h := habitsOf(p)
		for back := days; back >= 0; back-- {
			midnight := time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, local.Location())
			if day := midnight.Weekday(); back > 0 && (day == time.Saturday || day == time.Sunday) {
				continue
			}
			b := h.workday(p, midnight, now)
			all.Rollups = append(all.Rollups, b.Rollups...)
			findings.Findings = append(findings.Findings, b.Findings...)
			nudges.Decisions = append(nudges.Decisions, b.Decisions...)
		}
	}
	for _, b := range []series.Batch{all, findings, nudges} {
		if _, err := w.store.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}
