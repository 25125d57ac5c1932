package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"sitwell/schemas"
)

// Hooks are told what happens to the wearers of a live run, from the devices'
// side. Each may be nil; they are called from the wearers' goroutines and must
// not block.
type Hooks struct {
	Nudged   func(w *Wearer, n schemas.Nudge)
	Answered func(w *Wearer, n schemas.Nudge, action schemas.ReplyAction)
	WentAway func(w *Wearer)
	CameBack func(w *Wearer, away time.Duration, readings int)
}

// Live plays the office in real time at 2 Hz, from where Tail ended until ctx
// ends. device gives each wearer's connected device. It returns nil when ctx
// ends and an error where a device was closed.
func (o *Office) Live(ctx context.Context, device func(*Wearer) *Device, hooks Hooks) error {
	return play(ctx, o.Wearers, LiveSpacing, device, hooks)
}

func play(ctx context.Context, wearers []*Wearer, spacing time.Duration, device func(*Wearer) *Device, hooks Hooks) error {
	group, inner := errgroup.WithContext(ctx)
	for i, w := range wearers {
		p := player{w: w, device: device(w), hooks: hooks, spacing: spacing, period: max(time.Second, spacing)}
		p.offset = p.period * time.Duration(i) / time.Duration(len(wearers))
		group.Go(func() error { return p.run(inner) })
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil // what ended it is the end that was asked for
}

// player plays one wearer: it owns the wearer while it runs.
type player struct {
	w       *Wearer
	device  *Device
	hooks   Hooks
	spacing time.Duration // between readings
	period  time.Duration // between messages
	offset  time.Duration // spreads the players over the period
	online  bool
	items   []schemas.Item
	answers []pendingAnswer // at most maxAnswers; a wearer does not answer more
}

const maxAnswers = 4

type pendingAnswer struct {
	Answer
	to Received
}

func (p *player) run(ctx context.Context) error {
	p.online = true
	p.items = make([]schemas.Item, 0, MaxChunk)
	if err := p.connection(ctx, time.Now()); err != nil { // the script's device is away from the start
		return err
	}
	pause(ctx, p.offset)
	tick := time.NewTicker(p.period)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			err = p.tick(ctx, now)
		case got := <-p.device.Nudges():
			p.nudged(got)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("play %s: %w", p.w.ID, err)
		}
	}
}

// tick publishes what was measured since the last one.
func (p *player) tick(ctx context.Context, now time.Time) error {
	if err := p.connection(ctx, now); err != nil {
		return err
	}
	if !p.online {
		return nil
	}
	if _, err := p.publish(ctx, now, p.spacing); err != nil {
		return err
	}
	return p.answer(ctx, now)
}

// publish sends the readings up to now in as many messages as it takes.
func (p *player) publish(ctx context.Context, now time.Time, spacing time.Duration) (int, error) {
	for total := 0; ; {
		p.items = p.w.Fill(p.items[:0], now, spacing, MaxChunk)
		if len(p.items) == 0 {
			return total, nil
		}
		if err := p.device.Send(ctx, p.w.Device, p.w.Boot(), p.items); err != nil {
			return total, err
		}
		total += len(p.items)
	}
}

// connection takes the device offline and back as the wearer's outages say. A
// device that comes back sends its buffer, measured at the slower spacing.
func (p *player) connection(ctx context.Context, now time.Time) error {
	p.w.planOutage(now)
	offline := p.w.Offline(now)
	if offline != p.online {
		return nil
	}
	if err := p.device.SetOnline(ctx, !offline); err != nil {
		return err
	}
	p.online = !offline
	if offline {
		if p.hooks.WentAway != nil {
			p.hooks.WentAway(p.w)
		}
		return nil
	}
	away := now.Sub(p.w.Clock())
	n, err := p.publish(ctx, now, max(HistorySpacing, p.spacing))
	if err == nil && p.hooks.CameBack != nil {
		p.hooks.CameBack(p.w, away, n)
	}
	return err
}

// nudged lets the wearer react, and keeps the answer for its time.
func (p *player) nudged(got Received) {
	if p.hooks.Nudged != nil {
		p.hooks.Nudged(p.w, got.Nudge)
	}
	if got.At.After(got.Nudge.Expires) {
		return // stale: the wearable does not show it
	}
	answer, answers := p.w.React(got.At, got.Nudge.Rule)
	if answers && len(p.answers) < maxAnswers {
		p.answers = append(p.answers, pendingAnswer{answer, got})
	}
}

// answer sends the replies whose time has come.
func (p *player) answer(ctx context.Context, now time.Time) error {
	var errs []error
	keep := p.answers[:0]
	for _, a := range p.answers {
		if a.At.After(now) {
			keep = append(keep, a)
			continue
		}
		err := p.device.Reply(ctx, a.to, a.Action)
		if err == nil && p.hooks.Answered != nil {
			p.hooks.Answered(p.w, a.to.Nudge, a.Action)
		}
		errs = append(errs, err)
	}
	p.answers = keep
	return errors.Join(errs...)
}
