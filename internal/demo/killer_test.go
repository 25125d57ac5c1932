package demo //nolint:testpackage // a guard is nobody else's

import (
	"io"
	"slices"
	"strings"
	"testing"

	"sitwell/internal/cluster"
	"sitwell/internal/ledger"
)

// guarded is a part that runs a shell's command, and its guard.
func guarded(t *testing.T, command string) (*killer, *guard) {
	t.Helper()
	p := cluster.NewPart(cluster.Options{Command: []string{"/bin/sh"}, Dir: t.TempDir(), Output: io.Discard}, "part", "-c", command)
	k := newKiller([]*cluster.Part{p}, 1, NewConsole(io.Discard, true, false))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.Running() {
			_ = p.Kill() // it may have ended since
		}
	})
	return k, k.guards[0]
}

const sleeps = "exec sleep 600"

func TestOnlyWhatRunsIsKilled(t *testing.T) {
	k, g := guarded(t, sleeps)
	if err := g.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.kills() != 1 || len(k.fell) != 0 || !g.part.Running() {
		t.Errorf("a kill counts as %d, fallen are %q", k.kills(), k.fell)
	}
	k, g = guarded(t, "echo out of paper >&2; exit 7")
	<-g.part.Ended()
	if err := g.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.kills() != 0 || !slices.Equal(k.fell, []string{"part with exit code 7: out of paper"}) {
		t.Errorf("a kill of what had ended by itself counts as %d, fallen are %q", k.kills(), k.fell)
	}
	<-g.part.Ended()
	if k.look(t.Context()); len(k.fell) != 2 {
		t.Errorf("what has ended after the last kill is not seen: %q", k.fell)
	}
}

func TestWhatIsNoProof(t *testing.T) {
	whole := ledger.Report{Acknowledged: 9000, Stored: 9000, Episodes: 3, Found: 3, Minutes: 9, Asked: 2, Decided: 1, Nudges: 1}
	proof := func() *killer { return &killer{count: map[string]int{"ingest": leastKills}} }
	if wrong := proof().enough(&whole); len(wrong) > 0 {
		t.Errorf("a whole run: %v", wrong)
	}
	for words, change := range map[string]func(k *killer, r *ledger.Report){
		"came too late":        func(_ *killer, r *ledger.Report) { r.Late = r.Stored },
		"stored and never":     func(_ *killer, r *ledger.Report) { r.Strange = 1 },
		"ended by themselves":  func(k *killer, _ *ledger.Report) { k.fell = []string{"ingest with exit code 1: no"} },
		"kills are too few":    func(k *killer, _ *ledger.Report) { k.count["ingest"]-- },
		"readings are too few": func(_ *killer, r *ledger.Report) { r.Acknowledged = leastAcknowledged - 1 },
		"no nudge was sent":    func(_ *killer, r *ledger.Report) { r.Decided = 0 },
	} {
		k, r := proof(), whole
		change(k, &r)
		if wrong := k.enough(&r); len(wrong) != 1 || !strings.Contains(wrong[0].Error(), words) {
			t.Errorf("%s: it says %v", words, wrong)
		}
	}
}

func TestOfTheLateItIsNotSaidThatTheyWereJudged(t *testing.T) {
	r := ledger.Report{Late: 12}
	if got := proven(&r); !strings.Contains(got, "judged but for 12 that came too late") {
		t.Errorf("it says %q", got)
	}
}
