package tuning

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sitwell/internal/broker/brokertest"
	"sitwell/schemas"
)

// A watcher that brings nothing does not stop detection: the bucket is read past it.
func TestWhatTheWatcherDoesNotBringIsRead(t *testing.T) {
	_, log := brokertest.Start(t)
	var lines bytes.Buffer
	tu, err := Open(t.Context(), Options{Log: log, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tu.Close() }()
	for _, s := range chain(lawOrg, lawTeam, lawWearer) {
		if _, err := tu.Set(t.Context(), s, map[string]string{"slouch_deg": "16"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprint(tu.History(Scope{}), tu.History(Scope{Org: lawOrg, Wearer: lawWearer}))
	tu.mu.Lock()
	tu.book, tu.applied = book{}, 0 // as if nothing had come
	tu.mu.Unlock()
	if err := tu.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(tu.History(Scope{}), tu.History(Scope{Org: lawOrg, Wearer: lawWearer})); got != want {
		t.Errorf("read anew\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(lines.String(), "reading them anew") {
		t.Errorf("the log says %s", &lines)
	}
}

// tuned is a book in which every wearer of a big organisation has parameters.
func tuned(wearers int) book {
	b := book{}
	add := func(s Scope, set map[string]string) {
		b[s] = &entry{revisions: []Revision{{Number: 1, Set: set, At: lawStart, From: countsFrom(lawStart)}}}
	}
	add(Scope{Org: lawOrg}, map[string]string{"slouch_deg": "16"})
	add(Scope{Org: lawOrg, Team: lawTeam}, map[string]string{"lean_deg": "11"})
	for i := range wearers {
		id := schemas.MustID(fmt.Sprintf("w%d", i))
		add(Scope{Org: lawOrg, Wearer: id}, map[string]string{"slouch_deg": "17", "hydration": "on"})
	}
	return b
}

// BenchmarkSet is the checking of a change that hits 1,000 wearers who have
// parameters of their own.
func BenchmarkSet(b *testing.B) {
	bk := tuned(1000)
	team := func(_, _ schemas.ID) schemas.ID { return lawTeam }
	for b.Loop() {
		if _, err := bk.propose(Scope{}, "", func(set map[string]string) error { return edit(set, "shift_deg", "9") }, team); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTimeline is one lookup, as the detector does when something changed.
func BenchmarkTimeline(b *testing.B) {
	_, log := brokertest.Start(b)
	tu, err := Open(b.Context(), Options{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tu.Close() }()
	tu.mu.Lock()
	tu.book = tuned(1000)
	tu.mu.Unlock()
	id := schemas.MustID("w17")
	b.Run("built", func(b *testing.B) {
		for b.Loop() {
			tu.book.timeline(chain(lawOrg, lawTeam, id))
		}
	})
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tu.Timeline(lawOrg, lawTeam, id)
		}
	})
}

// BenchmarkSync is what a question to the server costs.
func BenchmarkSync(b *testing.B) {
	_, log := brokertest.Start(b)
	tu, err := Open(b.Context(), Options{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tu.Close() }()
	for b.Loop() {
		if err := tu.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
