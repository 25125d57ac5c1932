package hindsight

import (
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

// A curve begins a while before the episode, and never before the first reading.
func TestCurveBeginsBeforeTheEpisode(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		rule         schemas.Rule
		first, lasts time.Duration // before the start, after it
		want         time.Duration // before the start
	}{
		{schemas.RuleSlouch, 5 * time.Hour, 2 * time.Minute, time.Minute},
		{schemas.RuleSitting, 5 * time.Hour, 30 * time.Minute, 10 * time.Minute},
		{schemas.RuleSitting, 0, 30 * time.Minute, 0},
		{schemas.RuleLoad, 5 * time.Hour, 0, 30 * time.Minute},
		{schemas.RuleLoad, 10 * time.Minute, 0, 10 * time.Minute},
		{schemas.RuleBending, 5 * time.Hour, 0, 11 * time.Minute},
	} {
		f := schemas.Finding{
			Rule: c.rule, Start: start, Time: start.Add(c.lasts), Receipt: &schemas.Receipt{From: schemas.Place{Time: start.Add(-c.first)}},
		}
		if got := start.Sub(curveFrom(&f)); got != c.want {
			t.Errorf("%s of %s: the curve begins %s before, want %s", c.rule, c.lasts, got, c.want)
		}
	}
}

// However many postures there are, the points are bounded, and none is lost.
func TestCurveIsBounded(t *testing.T) {
	from := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	c := newCurve(from, from.Add(8*time.Hour))
	for ms := int64(-1000); ms <= 8*3600_000+1000; ms += 1000 {
		p := detect.Posture{Time: from.UnixMilli() + ms, Shown: ms%60_000 != 0, FlexionDeg: 10, Load: 0.25, Worn: true}
		c.add([]detect.Posture{p})
	}
	points := c.points()
	if len(points) > MaxPoints || len(points) < MaxPoints/2 {
		t.Fatalf("there are %d points", len(points))
	}
	for _, p := range points {
		if p.FlexionDeg != 10 || p.Load != 0.25 || p.Worn != 1 || p.Time.Before(from) {
			t.Fatalf("a point is %+v", p)
		}
	}
}
