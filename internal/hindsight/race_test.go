package hindsight

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// overtaken is a Store in which something is stored each time before a replacement.
type overtaken struct {
	Store

	before func()
}

func (o *overtaken) Replace(ctx context.Context, q series.Query, with series.Rebuilt) error {
	if o.before != nil {
		o.before()
	}
	return o.Store.Replace(ctx, q, with)
}

// buffer is two days, of which a stretch of the second comes late, and then the rest of
// that day, as from a device that has been out of reach.
func buffer() (all, head, tail []schemas.Batch) {
	all = days(11, 2)
	for _, b := range withheld(all, at(1, 8, 30), at(1, 8, 40)) {
		if b.Items[0].Time >= at(1, 11, 45).UnixMilli() {
			tail = append(tail, b)
		} else {
			head = append(head, b)
		}
	}
	return all, head, tail
}

// What comes of a day while it is rebuilt is not lost: the day is rebuilt with it.
func TestReadingsArriveWhileADayIsRebuilt(t *testing.T) {
	timeline := detect.Always(detect.Defaults())
	all, head, tail := buffer()
	ideal := newWorld(t, at(9, 0, 0), timeline)
	ideal.deliver(t, all...)
	ideal.end(t)
	for name, arrive := range map[string]func(w *world, rest func()){
		"before the replacement": func(w *world, rest func()) { w.Store = &overtaken{Store: w.Store, before: rest} },
		"while it is judged":     func(w *world, rest func()) { w.settle = second(rest) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, at(9, 0, 0), timeline)
			w.deliver(t, head...)
			once := tail
			arrive(w, func() {
				w.deliver(t, once...)
				if once != nil {
					w.end(t)
				}
				once = nil
			})
			r := w.recompute(t, 1)
			if got, want := w.tales(t, 1), ideal.tales(t, 1); got != want || !r.Changed() || w.late == 0 {
				t.Errorf("%+v; rebuilt:\n%s\nin time:\n%s", r, got, want)
			}
		})
	}
}

// second calls do the second time that it is called.
func second(do func()) func() {
	n := 0
	return func() {
		if n++; n == 2 {
			do()
		}
	}
}

// While readings of a day keep coming it is left alone, changed or not.
func TestReadingsKeepArriving(t *testing.T) {
	_, head, tail := buffer()
	for name, begin := range map[string][]schemas.Batch{"changed": head, "not changed": days(11, 2)[:1500]} {
		w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
		w.deliver(t, begin...)
		rest, want := slices.Clone(tail), ""
		w.settle = func() {
			w.deliver(t, rest[:10]...)
			rest = rest[10:]
			want = w.snapshot(t, at(0, 0, 0), at(2, 0, 0))
		}
		_, err := w.Recompute(t.Context(), acme, anna, dayOf(1), nil)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "still arriving") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if got := w.snapshot(t, at(0, 0, 0), at(2, 0, 0)); got != want {
			t.Errorf("%s: the day is\n%s\nas live made it:\n%s", name, got, want)
		}
	}
}

// A reading that is stored before the mark that it was late is not taken for one in time.
func TestMarksComeBehindTheirReadings(t *testing.T) {
	w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
	all := days(11, 2)
	w.deliver(t, all[:len(all)-200]...)
	w.end(t)
	last := all[len(all)-201]
	it := last.Items[0] // of a clock that was set back: far ahead in the sequence, long ago
	it.Seq += 100_000
	it.Time = at(1, 9, 0).UnixMilli() + 1
	w.append(t, series.Batch{Stream: "readings", Seq: 1, Readings: []schemas.Batch{{Org: acme, Wearer: anna, Device: last.Device, Boot: last.Boot, Items: []schemas.Item{it}}}})
	w.settle = second(func() {
		w.append(t, series.Batch{Stream: "marks", Seq: 1, Late: []schemas.Late{{
			Org: acme, Wearer: anna, Device: last.Device, Boot: last.Boot, First: it.Seq, Last: it.Seq, From: it.Time, To: it.Time,
		}}})
	})
	before := w.snapshot(t, at(1, 0, 0), at(2, 0, 0))
	if r := w.recompute(t, 1); r.Changed() || r.Unplaced != 1 || w.snapshot(t, at(1, 0, 0), at(2, 0, 0)) != before {
		t.Errorf("%+v", r)
	}
}

// A store that stays behind the log has the asker told so; a stop is none.
func TestStoreStaysBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		h := &Hindsight{Options: Options{Settle: wait, Logger: slog.New(slog.DiscardHandler)}}
		err := h.settled(t.Context())
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "after waiting for 30 s") {
			t.Errorf("the error is %v", err)
		}
		stopping, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.settled(stopping); !errors.Is(err, context.Canceled) {
			t.Errorf("at a stop the error is %v", err)
		}
		broken := errors.New("the log is gone")
		h.Settle = func(context.Context) error { return broken }
		if err := h.settled(t.Context()); !errors.Is(err, broken) {
			t.Errorf("the error is %v, want %v", err, broken)
		}
	})
}
