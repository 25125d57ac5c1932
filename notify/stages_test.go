package notify

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

func testNotifier(t *testing.T, log *bus.Bus, sender Sender) *Notifier {
	t.Helper()
	n, err := New(t.Context(), Options{
		Log: log, Sender: sender, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStages(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	f := schemas.Finding{Episode: "e1", Rule: schemas.RuleSlouch, Level: 2, Time: now}
	tests := []struct {
		name     string
		age      time.Duration
		standing standing
		again    time.Duration // from now; 0: never
		held, in string
	}{
		{name: "nothing is known of the wearer"},
		{name: "just fresh", age: Stale},
		{name: "just stale", age: Stale + time.Millisecond, held: "fresh", in: "it came 2 minutes late"},
		{name: "two weeks old", age: 14 * 24 * time.Hour, held: "fresh", in: "it came 14 days late"},
		{name: "a device's clock ahead", age: -time.Minute},
		{name: "done with this episode", standing: standing{Done: map[schemas.Rule]string{schemas.RuleSlouch: "e1"}}, held: "answered", in: "the wearer answered done"},
		{name: "done with another", standing: standing{Done: map[schemas.Rule]string{schemas.RuleSlouch: "e0", schemas.RuleSitting: "e1"}}},
		{name: "snoozed", standing: standing{SnoozedUntil: now.Add(10 * time.Minute)}, held: "snoozed", in: "snoozed for another 10 minutes"},
		{name: "almost over", standing: standing{SnoozedUntil: now.Add(time.Second)}, held: "snoozed", in: "snoozed for another 1 second"},
		{name: "the snooze is over", standing: standing{SnoozedUntil: now}},
		{name: "a nudge just now", standing: standing{LastNudge: now}, held: "spaced", in: "the last nudge was 0 seconds ago"},
		{name: "too soon to wait", standing: standing{LastNudge: now.Add(-arrival + time.Millisecond)}, held: "spaced", in: "the last nudge was 5 seconds ago"},
		{name: "soon enough to wait", standing: standing{LastNudge: now.Add(-arrival)}, again: spacing - arrival, held: "spaced", in: "the last nudge was 5 seconds ago"},
		{
			name: "too old to wait", age: time.Minute, standing: standing{LastNudge: now.Add(-time.Minute)},
			held: "spaced", in: "the last nudge was 60 seconds ago",
		},
		{
			name: "just too soon", standing: standing{LastNudge: now.Add(-spacing + time.Millisecond)}, again: time.Millisecond,
			held: "spaced", in: "the last nudge was 2 minutes ago",
		},
		{name: "the clock was set back a little", standing: standing{LastNudge: now.Add(time.Second)}, held: "spaced", in: "the last nudge was 1 second ago"},
		{name: "just late enough", standing: standing{LastNudge: now.Add(-spacing)}},
		{name: "the clock was set back by an hour", standing: standing{LastNudge: now.Add(time.Hour)}},
		{
			name: "the first stage that holds is named", age: time.Hour,
			standing: standing{SnoozedUntil: now.Add(time.Hour), LastNudge: now}, held: "fresh", in: "it came 60 minutes late",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := candidateOf(f, now)
			c.finding.Time, c.standing = now.Add(-tt.age), tt.standing
			v := c.judge()
			if v.stage != tt.held || v.why != tt.in {
				t.Errorf("held by %q: %q, want %q: %q", v.stage, v.why, tt.held, tt.in)
			}
			if again := v.again; !again.IsZero() != (tt.again != 0) || !again.IsZero() && !again.Equal(now.Add(tt.again)) {
				t.Errorf("tried again at %s, want %s from %s on", again, tt.again, now)
			}
		})
	}
}

func TestOnlyWhatIsNotLiveWaitsForItsEnd(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ age, taken, want time.Duration }{
		"live":                            {want: 0},
		"just live":                       {age: live, want: 0},
		"the device's clock is ahead":     {age: -time.Minute, want: 0},
		"of a buffer that has just come":  {age: time.Minute, want: endComes},
		"just not live":                   {age: live + time.Millisecond, taken: 100 * time.Millisecond, want: endComes - 100*time.Millisecond},
		"of a buffer that came long ago":  {age: time.Minute, taken: time.Minute, want: endComes - time.Minute},
		"the log's clock is an hour fast": {age: time.Minute, taken: -time.Hour, want: endComes},
	} {
		t.Run(name, func(t *testing.T) {
			cand := candidateOf(schemas.Finding{Time: now.Add(-c.age)}, now)
			if got := endWait(cand, now.Add(-c.taken)); got != c.want {
				t.Errorf("waits for %s, want %s", got, c.want)
			}
		})
	}
}

func TestALookAheadEndsWithItsContext(t *testing.T) {
	n := &Notifier{} // it has no log to look at
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	now := time.Now()
	c := candidateOf(schemas.Finding{Episode: "e1", Time: now.Add(-time.Minute)}, now)
	if _, err := n.over(ctx, bus.Msg{Time: now.Add(time.Hour)}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestMetricsHaveNoPersonalLabels(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	m.decisions.WithLabelValues("held", "fresh").Inc()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				if l.GetName() != "action" && l.GetName() != "held_by" {
					t.Errorf("%s has the label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
}
