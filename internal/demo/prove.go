package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/ledger"
	"sitwell/internal/sim"
)

// prove waits until all is judged and stored, compares it with the ledger and says
// what came of it.
func (c *chaos) prove(ctx context.Context) error {
	step := func(limit time.Duration, do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return do(ctx)
	}
	if err := step(flushWait, c.flush); err != nil {
		return fmt.Errorf("the devices still have what is not acknowledged: %w", err)
	}
	var settled app.Settled
	var report ledger.Report
	err := step(settleFor, func(ctx context.Context) (err error) { settled, err = c.cluster.Settle(ctx); return err })
	if err == nil {
		c.lastNudges()
		err = step(checkWait, func(ctx context.Context) (err error) { report, err = c.check(ctx); return err })
	}
	if err != nil {
		return fmt.Errorf("nothing can be said about it: %w", err)
	}
	return c.verdict(ctx, &report, &settled)
}

// unsureWait is how long the record of a nudge may take whose notifier was killed
// while it sent: another one calls it unsure once nobody can be sending it any more.
const unsureWait = 45 * time.Second

// check compares what is stored with the ledger.
func (c *chaos) check(ctx context.Context) (ledger.Report, error) {
	return c.ledger.Await(ctx, ledger.API(c.cluster.HTTP()), unsureWait)
}

// flush waits until everything is acknowledged. Devices that are offline by the
// script, with what they have not sent, come back for that.
func (c *chaos) flush(ctx context.Context) error {
	for _, d := range c.fleet {
		if err := d.SetOnline(ctx, true); err != nil {
			return err
		}
	}
	return c.fleet.Flush(ctx)
}

// lastNudges writes down those that arrived after the last one was looked at.
func (c *chaos) lastNudges() {
	for w, d := range c.fleet {
		for more := true; more; {
			select {
			case got := <-d.Nudges():
				c.nudged(w, got.Nudge)
			default:
				more = false
			}
		}
	}
}

// verdict prints the table, and is nil if nothing is lost and enough was seen.
func (c *chaos) verdict(ctx context.Context, r *ledger.Report, s *app.Settled) error {
	c.killer.look(ctx)
	wrong := c.killer.enough(r)
	select {
	case err := <-c.failed:
		wrong = append(wrong, fmt.Errorf("the ledger is not whole: %w", err))
	default:
	}
	counts := c.fleet.Counts()
	c.say.Line("result", fields{
		"ok": len(wrong) == 0, "sent": counts.ItemsSent, "duplicates": s.Duplicates, "reconnections": counts.Reconnects,
		"kills": c.killer.kills(), "kills_by_part": c.killer.count, "ended_by_themselves": len(c.killer.fell),
		"slowest_recovery_s": c.killer.slowest.Seconds(), "slowest_recovery_of": c.killer.slow, "lost": r.Lost, "ledger": r,
	}, "%s", c.table(r, s, counts))
	if len(wrong) > 0 {
		return line(wrong)
	}
	c.say.Line("proven", fields{"late": r.Late}, "0 lost: %s", proven(r))
	return nil
}

// line is several errors in one line.
func line(all []error) error {
	err := all[0]
	for _, more := range all[1:] {
		err = fmt.Errorf("%w; %w", err, more)
	}
	return err
}

// proven is what a run has shown, in words.
func proven(r *ledger.Report) string {
	judged := "and judged"
	if r.Late > 0 {
		judged = fmt.Sprintf("and judged but for %s that came too late", thousands(r.Late))
	}
	return fmt.Sprintf("what was acknowledged is stored, counted once %s, and nobody was nudged twice", judged)
}

// enough is all that keeps a run from being a proof.
func (k *killer) enough(r *ledger.Report) (wrong []error) {
	if err := r.Err(); err != nil {
		wrong = append(wrong, err)
	}
	if kills := k.kills(); kills < leastKills {
		wrong = append(wrong, fmt.Errorf("%d kills are too few to prove anything; it takes %d", kills, leastKills))
	}
	if len(k.fell) > 0 {
		wrong = append(wrong, fmt.Errorf("%d parts ended by themselves, which none may: %s", len(k.fell), strings.Join(k.fell, "; ")))
	}
	if r.Acknowledged < leastAcknowledged {
		wrong = append(wrong, fmt.Errorf("%d acknowledged readings are too few to prove anything; it takes %d", r.Acknowledged, leastAcknowledged))
	}
	if err := r.Proves(); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

func (c *chaos) table(r *ledger.Report, s *app.Settled, n sim.Counts) string {
	k := c.killer
	var b strings.Builder
	row := func(name string, n int64, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "\n  %-22s %10s  "+format, append([]any{name, thousands(n)}, args...)...) // into memory
	}
	row("sent", n.ItemsSent, "readings and events of %d devices, which reconnected %d times", len(c.fleet), n.Reconnects)
	row("acknowledged", r.Acknowledged, "in the ledger of the senders")
	row("stored", r.Stored, "each once")
	row("duplicates suppressed", s.Duplicates, "that came again after a kill")
	row("too late", r.Late, "stored, and no more judged: their turn was over")
	row("episodes", int64(r.Found), "of %s expected, with the same content", thousands(int64(r.Episodes)))
	row("minutes", int64(r.Minutes), "with the content expected")
	row("nudges", int64(r.Decided), "sent; %d received, %d twice, %d unsure; %d asked for, the others held", r.Nudges, r.DoubledNudges, r.Ambiguous, r.Asked)
	row("kills", int64(k.kills()), "%s", byPart(c))
	if n := len(k.fell); n > 0 {
		row("ended by themselves", int64(n), "%s", strings.Join(k.fell, "; "))
	}
	_, _ = fmt.Fprintf(&b, "\n  %-22s %10.1f  seconds, %s", "slowest recovery", k.slowest.Seconds(), k.slow)
	row("lost", r.Lost, "\n")
	return strings.TrimPrefix(b.String(), "\n")
}

// byPart is how often each part was killed, in words.
func byPart(c *chaos) string {
	words := []string{}
	for _, p := range c.cluster.Parts() {
		words = append(words, fmt.Sprintf("%s %d", p.Name(), c.killer.count[p.Name()]))
	}
	return list(words)
}
