package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"sitwell/internal/bus"
	"sitwell/internal/lease"
)

func newTestApp(t *testing.T) *App {
	t.Helper()
	o := Defaults()
	o.Logger = slog.New(slog.DiscardHandler)
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A part that fails is started again, slower each time, with metrics of its own, and
// readiness is red meanwhile; one that has worked for a while starts fast again.
func TestAPartThatFailsIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestApp(t)
		began := time.Now()
		var starts []time.Duration
		a.run("oven", func(ctx context.Context, reg prometheus.Registerer) error {
			starts = append(starts, time.Since(began))
			reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "oven_total", Help: "Loaves."}))
			if len(starts) < 4 {
				return errors.New("cold")
			}
			a.works("oven")
			select {
			case <-time.After(time.Minute):
				return errors.New("cold again")
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		synctest.Wait()
		if err := a.parts.check(t.Context()); err == nil || !strings.Contains(err.Error(), "oven has failed") || strings.Contains(err.Error(), "cold") {
			t.Errorf("readiness says %v", err)
		}
		time.Sleep(10 * time.Second)
		if err := a.parts.check(t.Context()); err != nil {
			t.Errorf("readiness says %v of a part that works", err)
		}
		time.Sleep(65 * time.Second)
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond, 1750 * time.Millisecond, 62 * time.Second}
		if len(starts) != len(want) {
			t.Fatalf("started at %v, want %v", starts, want)
		}
		for i, at := range want {
			if starts[i] != at {
				t.Errorf("start %d at %v, want %v", i, starts[i], at)
			}
		}
		var m dto.Metric
		if err := a.parts.restarts.WithLabelValues("oven").Write(&m); err != nil || m.GetCounter().GetValue() != 4 {
			t.Errorf("restarts are counted as %v, %v", m.GetCounter(), err)
		}
	})
}

func TestAFatalFailureEndsTheProcess(t *testing.T) {
	a := newTestApp(t)
	why := errors.New("burnt down")
	a.run("oven", func(context.Context, prometheus.Registerer) error { return fatalError{why} })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := a.Wait(ctx); !errors.Is(err, why) || !strings.Contains(err.Error(), "oven") {
		t.Errorf("it ends with %v", err)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// On a stop a part that cannot write its end is no failure, one that does not end is.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestApp(t)
		a.run("loser", func(ctx context.Context, _ prometheus.Registerer) error {
			<-ctx.Done()
			return errors.New("the log is away")
		})
		if err := a.Stop(t.Context()); err != nil {
			t.Errorf("a part that loses nothing: %v", err)
		}
		end := make(chan struct{})
		a.run("sleeper", func(context.Context, prometheus.Registerer) error { <-end; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if err := a.Stop(ctx); err == nil || !strings.Contains(err.Error(), "sleeper") || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(end)
	})
}

func TestOrphansAreCountedFromWhenTheyBecameSo(t *testing.T) {
	var o orphans
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	after := func(s int) time.Time { return at.Add(time.Duration(s) * time.Second) }
	o.note(lease.Table{Owners: []string{"a", "", ""}}, after(0))
	o.note(lease.Table{Owners: []string{"", "", "b"}}, after(10))
	for _, c := range []struct{ at, n int }{{15, 0}, {16, 1}, {25, 1}, {26, 2}} {
		if n := o.over(orphanFor, after(c.at)); n != c.n {
			t.Errorf("after %d s: %d, want %d", c.at, n, c.n)
		}
	}
	o.note(lease.Table{Owners: []string{"a", "a", "b"}}, after(30))
	if n := o.over(orphanFor, after(60)); n != 0 {
		t.Errorf("all have an owner: %d", n)
	}
}

func TestFull(t *testing.T) {
	for name, c := range map[string]struct {
		u    bus.Usage
		full bool
	}{
		"no limit":      {bus.Usage{Stream: "READINGS", Bytes: 1 << 40}, false},
		"room":          {bus.Usage{Stream: "READINGS", Bytes: 9 << 30, Limit: 10 << 30}, false},
		"no room":       {bus.Usage{Stream: "READINGS", Bytes: 10<<30 - 1<<20, Limit: 10 << 30}, true},
		"small":         {bus.Usage{Stream: "READINGS", Bytes: 900 << 10, Limit: 1 << 20}, false},
		"small, full":   {bus.Usage{Stream: "READINGS", Bytes: 1000 << 10, Limit: 1 << 20}, true},
		"lets go of it": {bus.Usage{Stream: "QUARANTINE", Bytes: 1 << 30, Limit: 1 << 30}, false},
	} {
		if Full(c.u) != c.full {
			t.Errorf("%s: %v", name, !c.full)
		}
	}
}

func TestRolesAreParsed(t *testing.T) {
	roles, err := ParseRoles("ingest, detect,ingest")
	if err != nil || RoleList(roles) != "ingest,detect" {
		t.Errorf("%v, %v", roles, err)
	}
	for _, bad := range []string{"", "oven", "ingest,,detect", "Ingest"} {
		if _, err := ParseRoles(bad); err == nil || !strings.Contains(err.Error(), "the roles are broker,ingest,") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	all := Options{}
	some := Options{Roles: []Role{Ingest}}
	if !all.has(Dashboard) || some.has(Dashboard) || !some.has(Dashboard, Ingest) {
		t.Error("has")
	}
}
