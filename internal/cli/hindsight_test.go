package cli_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/hindsight"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// running is a sitwell that has stored yesterday's morning of anna: fifty minutes
// on the seat, of which she leans for all but the first ten, and of which five
// minutes came an hour too late.
type running struct {
	*app.App
	t    *testing.T
	from time.Time // when she sat down
}

func startWithYesterday(t *testing.T) *running {
	t.Helper()
	a, err := app.New(app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	now := time.Now().UTC()
	r := &running{App: a, t: t, from: time.Date(now.Year(), now.Month(), now.Day()-1, 9, 0, 0, 0, time.UTC)}
	r.must("org", "add", "acme", "--zone", "UTC", "--nats", a.NATS())
	r.must("wearer", "add", "acme", "anna", "--nats", a.NATS())
	r.must("device", "add", "acme", "belt", "--nats", a.NATS())
	r.must("device", "assign", "acme", "belt", "--wearer", "anna", "--from", r.from.Add(-time.Hour).Format(time.RFC3339), "--nats", a.NATS())
	r.send()
	return r
}

func (r *running) send() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	d, err := sim.Connect(ctx, sim.DeviceOptions{URL: r.MQTT(), Org: schemas.MustID("acme"), ID: schemas.MustID("belt"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	var items []schemas.Item
	for i := range 6000 { // at 2 Hz
		at := r.from.Add(time.Duration(i) * 500 * time.Millisecond)
		it := schemas.Item{Reading: schemas.Reading{
			Seq: uint64(i), Time: at.UnixMilli(), Motion: 12, TrunkPitch: 40,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}}
		if i >= 1200 {
			it.TrunkPitch = 230
		}
		items = append(items, it)
	}
	missed := slices.Clone(items[2400:3000])
	for _, part := range [][]schemas.Item{items[:2400], items[3000:], missed} {
		for chunk := range slices.Chunk(part, 200) {
			if err := d.Send(ctx, d.ID(), 1, chunk); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := d.Flush(ctx); err != nil { // one part behind the other
			r.t.Fatal(err)
		}
	}
	if err := d.Close(ctx); err != nil {
		r.t.Fatal(err)
	}
	if err := r.Settle(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) must(args ...string) string {
	r.t.Helper()
	code, out, errOut := run(r.t, args...)
	if code != 0 {
		r.t.Fatalf("%v: exit %d: %s", args, code, errOut)
	}
	return out
}

func (r *running) backtest(args ...string) hindsight.Backtest {
	r.t.Helper()
	day := r.from.Format(time.DateOnly)
	out := r.must(append([]string{"backtest", "--wearer", "anna", "--from", day, "--to", day + "T12:00", "--json", "--api", r.HTTP()}, args...)...)
	var b hindsight.Backtest
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func TestHindsightCommands(t *testing.T) {
	r := startWithYesterday(t)
	day := r.from.Format(time.DateOnly)

	before := r.backtest()
	if before.Now.Episodes[schemas.RuleSlouch] != before.Then.Episodes[schemas.RuleSlouch] || before.Then.Episodes[schemas.RuleSlouch] != 2 {
		t.Errorf("with five minutes missing, leaning made %+v, again %+v", before.Then, before.Now)
	}
	rules := filepath.Join(t.TempDir(), "gentler.yml")
	if err := os.WriteFile(rules, []byte("slouch_deg: 25\nload_nudge: 0.8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if gentle := r.backtest("--rules", rules); gentle.Now.Episodes[schemas.RuleSlouch] != 0 || gentle.Then.Episodes[schemas.RuleSlouch] != 2 {
		t.Errorf("under gentler rules leaning makes %+v", gentle.Now)
	}
	table := r.must("backtest", "--wearer", "anna", "--from", day, "--to", day+"T12:00", "--rules", rules, "--api", r.HTTP())
	for _, want := range []string{"THEN", "NOW", "nudges a day", "episodes: leaning or slouching", "slouch_deg 25", "held: "} {
		if !strings.Contains(table, want) {
			t.Errorf("the table does not say %q:\n%s", want, table)
		}
	}

	slouch := before.Rows[slices.IndexFunc(before.Rows, func(r hindsight.Row) bool { return r.Rule == schemas.RuleSlouch })]
	told := r.must("explain", slouch.Then.ID, "--api", r.HTTP())
	for _, want := range []string{
		"Leaning or slouching for 2 min: worth a nudge.", "09:10:00", "the same, bit for bit", "belt, run 1", "forward flexion from which slouching counts: 15 degrees",
		"█", "[09:12:00 worth a nudge]",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the explanation does not say %q:\n%s", want, told)
		}
	}

	var report hindsight.Report
	if err := json.Unmarshal([]byte(r.must("recompute", "--wearer", "anna", "--day", day, "--json", "--nats", r.NATS())), &report); err != nil {
		t.Fatal(err)
	}
	if report.Readings != 6000 || report.Late != 600 || report.MinutesChanged < 5 || report.Minutes != 50 || len(report.Changes) < 2 {
		t.Errorf("the day was rebuilt to %+v", report)
	}
	again := r.must("recompute", "--wearer", "anna", "--day", day, "--nats", r.NATS())
	for _, want := range []string{"6000 judged, 600 of them came too late", "Nothing is different from before."} {
		if !strings.Contains(again, want) {
			t.Errorf("the second time does not say %q:\n%s", want, again)
		}
	}
	if told := r.must("explain", strings.TrimSuffix(slouch.Then.ID, "-2"), "--api", r.HTTP()); !strings.Contains(told, "bit for bit") {
		t.Errorf("after the day was rebuilt: %s", told)
	}
	r.refusals(day, rules)
}

// refusals are what these commands say no to.
func (r *running) refusals(day, rules string) {
	r.t.Helper()
	today := time.Now().UTC().Format(time.DateOnly)
	bad := filepath.Join(r.t.TempDir(), "bad.yml")
	if err := os.WriteFile(bad, []byte("slouch_deg: 12\nupright_deg: 14\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	api, nats := []string{"--api", r.HTTP()}, []string{"--nats", r.NATS()}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{append([]string{"recompute", "--wearer", "anna", "--day", today}, nats...), 1, "is not over"},
		{append([]string{"recompute", "--wearer", "anna", "--day", "2020-01-01"}, nats...), 1, "30 days"},
		{append([]string{"recompute", "--wearer", "bob", "--day", day}, nats...), 1, "no wearer bob"},
		{append([]string{"recompute", "--wearer", "anna", "--day", "yesterday"}, nats...), 2, "yesterday"},
		{append([]string{"recompute", "--day", day}, nats...), 2, "wearer"},
		{append([]string{"explain", "0123456789abcdef"}, api...), 1, "0123456789abcdef"},
		{append([]string{"explain"}, api...), 2, "FINDING"},
		{[]string{"explain", "x", "--api", "127.0.0.1:1"}, 1, "sitwell serve"},
		{append([]string{"backtest", "--wearer", "anna", "--from", "noon", "--to", day}, api...), 2, "noon"},
		{append([]string{"backtest", "--wearer", "bob", "--from", day, "--to", day + "T12:00"}, api...), 1, "no wearer bob"},
		{append([]string{"backtest", "--wearer", "anna", "--from", day, "--to", day + "T12:00", "--rules", bad}, api...), 2, "upright_deg is over slouch_deg"},
		{append([]string{"backtest", "--wearer", "anna", "--from", day, "--to", day + "T12:00", "--rules", rules + "x"}, api...), 2, "gentler.ymlx"},
		{append([]string{"backtest", "--org", "none", "--wearer", "anna", "--from", day, "--to", day}, api...), 1, "no such organisation"},
	} {
		code, _, errOut := run(r.t, c.args...)
		if code != c.code || !strings.Contains(errOut, c.says) {
			r.t.Errorf("%v: exit %d, %q does not say %q", c.args, code, errOut, c.says)
		}
	}
}
