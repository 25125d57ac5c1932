package detect

import (
	"slices"
	"testing"
	"time"

	"sitwell/schemas"
)

// golden is a trace and what a rule finds in it, in the words of lines.
type golden struct {
	name   string
	spells []spell
	want   string
}

// sameAsGolden judges traces at two readings a second.
func sameAsGolden(t *testing.T, rule schemas.Rule, tests []golden) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isGolden(t, rule, items(500*time.Millisecond, tt.spells...), tt.want)
		})
	}
}

// isGolden holds the engine and the reference to what a rule must find.
func isGolden(t *testing.T, rule schemas.Rule, list []schemas.Item, want string) {
	t.Helper()
	isGoldenFor(t, Defaults(), rule, list, want)
}

// isGoldenFor is isGolden for other parameters.
func isGoldenFor(t *testing.T, p *Params, rule schemas.Rule, list []schemas.Item, want string) {
	t.Helper()
	w, out := NewWearer(org, person, Always(p)), &Output{Trace: true}
	w.Take(batch(list), out)
	sameLines(t, lines(out.Findings, rule), want)
	d := refJudge(Always(p), ofOneRun(list), out.Postures)
	if found := d.found[rule]; !t.Failed() {
		sameLines(t, lines(found, rule), want)
	}
}

const aMinute = 60

// Two sensors: the curve of the back is what counts.
func TestGoldenCurve(t *testing.T) {
	curved := func(secs, curve float64) spell {
		return spell{secs: secs, pitch: 30, lumbar: 30 - curve, two: true}
	}
	sameAsGolden(t, schemas.RuleSlouch, []golden{
		{"a tenth under", []spell{curved(60, 19.9)}, ``},
		{"at the limit", []spell{curved(31, 20)}, `30 opened1 since 0 for 30`},
		{"just too short", []spell{curved(29.5, 20), curved(10, 14.9)}, ``},
		{"bent at the hips is no slouch", []spell{hipBent(180, 40)}, ``},
		{"at the limit it does not recover", []spell{curved(30, 20), curved(20, 15)}, `30 opened1 since 0 for 30`},
		{"a tenth under it does", []spell{curved(30, 20), curved(20, 14.9)}, `
			30 opened1 since 0 for 30
			35 closed1 since 0 for 30 recovered at 30`},
	})
}

// A slouch gets more severe when the budget, or the holding time, runs out.
func TestGoldenSeverity(t *testing.T) {
	sameAsGolden(t, schemas.RuleSlouch, []golden{
		{"the holding time of 25 degrees, 217.5 s, before the budget", []spell{pitched(19, 19), pitched(371, 25), upright(6)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			236.5 raised2 since 0 for 236.5 moderate
			395 closed2 since 0 for 390 recovered at 390 moderate`},
		{"the budget of 19.9 degrees, 799.2 s, and no holding time", []spell{pitched(800, 19.9), upright(6)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			799.5 raised2 since 0 for 799.5 moderate
			805 closed2 since 0 for 800 recovered at 800 moderate`},
		{"the budget for a break, at 1195.8 s", []spell{pitched(1195.5, 25), upright(5.5)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			217.5 raised2 since 0 for 217.5 moderate
			1200.5 closed2 since 0 for 1195.5 recovered at 1195.5 moderate`},
		{"and half a second more", []spell{pitched(1196, 25), upright(6)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			217.5 raised2 since 0 for 217.5 moderate
			1196 raised2 since 0 for 1196 severe
			1201 closed2 since 0 for 1196 recovered at 1196 severe`},
		{"the holding time before a nudge", []spell{pitched(130, 60)}, `
			30 opened1 since 0 for 30
			60 raised1 since 0 for 60 moderate
			120 escalated2 since 0 for 120 moderate`},
		{"neither", []spell{pitched(180, 18), upright(6)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			185 closed2 since 0 for 180 recovered at 180`},
	})
}

// The load budget: with D = w (1 - exp(-t / 9.4 min)) from rest, at 25 degrees
// half of it is used up at 390.94 s and 0.88 at 1195.83 s, at 20 degrees half at
// 781.87 s, at 17.6 degrees at 2442.53 s.
func TestGoldenLoad(t *testing.T) {
	sameAsGolden(t, schemas.RuleLoad, []golden{
		{"25 degrees for 6.5 min", []spell{hipBent(390.5, 25), upright(400)}, ``},
		{"and half a second more", []spell{hipBent(391.5, 25)}, `
			391 opened1 since 391 for 0
			391 escalated2 since 391 for 0`},
		{"25 degrees for 19.9 min", []spell{hipBent(1196, 25)}, `
			391 opened1 since 391 for 0
			391 escalated2 since 391 for 0`},
		{"and half a second more", []spell{hipBent(1196.5, 25)}, `
			391 opened1 since 391 for 0
			391 escalated2 since 391 for 0
			1196 escalated3 since 391 for 805`},
		{"20 degrees for 13 min", []spell{hipBent(782, 20)}, ``},
		{"and half a second more", []spell{hipBent(782.5, 20)}, `
			782 opened1 since 782 for 0
			782 escalated2 since 782 for 0`},
		{"17.6 degrees", []spell{hipBent(2450, 17.6)}, `
			2443 opened1 since 2443 for 0
			2443 escalated2 since 2443 for 0`},
		{"while a slouch is open it is only seen", []spell{pitched(395, 25), upright(400)}, `
			391 opened1 since 391 for 0
			502.5 closed1 since 391 for 111.5 recovered at 502.5`},
		{"moving is no load", []spell{{secs: 1200, pitch: 25, sd: 300}}, ``},
		{"a gap of a minute is frozen", []spell{hipBent(300.5, 25), gap(59.5), hipBent(92, 25)}, `
			451 opened1 since 451 for 0
			451 escalated2 since 451 for 0`},
		{"off for a quarter of an hour it is over", []spell{hipBent(400, 25), gap(900), upright(2)}, `
			391 opened1 since 391 for 0
			391 escalated2 since 391 for 0
			1300 closed2 since 391 for 8.5 unknown at 399.5`},
	})
}

// 17.5 degrees and less never use half of the budget up, not in a day.
func TestGoldenLoadNever(t *testing.T) {
	_, out := judge(items(4*time.Second, hipBent(24*3600, 17.5)))
	sameLines(t, lines(out.Findings, schemas.RuleLoad), ``)
	if got := out.Postures[len(out.Postures)-1].Load; got < 0.499 || got > 0.5001 {
		t.Errorf("the load is %g after a day, want 0.5", got)
	}
}

// ISO 11226: 20 degrees for 4:00 min, 30 for 3:15, 40 for 2:30, 50 for 1:45, 60
// for 1:00, over 60 half a minute; three times as long to recover.
func TestGoldenHold(t *testing.T) {
	sameAsGolden(t, schemas.RuleHold, []golden{
		{"19.9 degrees", []spell{pitched(3600, 19.9)}, ``},
		{"20 degrees, just under", []spell{pitched(239.5, 20), upright(aMinute)}, ``},
		{"20 degrees", []spell{pitched(240.5, 20)}, `240 opened1 since 0 for 240`},
		{"30 degrees, just under", []spell{pitched(194.5, 30), upright(aMinute)}, ``},
		{"30 degrees", []spell{pitched(195.5, 30)}, `195 opened1 since 0 for 195`},
		{"40 degrees, just under", []spell{pitched(149.5, 40), upright(aMinute)}, ``},
		{"40 degrees", []spell{pitched(150.5, 40)}, `150 opened1 since 0 for 150`},
		{"50 degrees, just under", []spell{pitched(104.5, 50), upright(aMinute)}, ``},
		{"50 degrees", []spell{pitched(105.5, 50)}, `105 opened1 since 0 for 105`},
		{"60 degrees, just under", []spell{pitched(59.5, 60), upright(aMinute)}, ``},
		{"60 degrees", []spell{pitched(60.5, 60)}, `60 opened1 since 0 for 60`},
		{"over 60 degrees, just under", []spell{pitched(29.5, 60.1), upright(aMinute)}, ``},
		{"over 60 degrees", []spell{pitched(30.5, 60.1)}, `30 opened1 since 0 for 30`},
		{"two angles share the time", []spell{pitched(120, 20), pitched(30.5, 60)}, `150 opened1 since 0 for 150`},
		{"a rest gives a third of itself back", []spell{pitched(30, 60), upright(45), pitched(46, 60)}, `120 opened1 since 0 for 120`},
		{"after a full rest it starts anew", []spell{pitched(30, 60), upright(91), pitched(60.5, 60)}, `181 opened1 since 121 for 60`},
		{"moving is a rest", []spell{pitched(30, 60), {secs: 91, pitch: 60, sd: 300}, pitched(70, 60)}, `
			184.5 opened1 since 124.5 for 60`},
		{"a gap of a minute is frozen", []spell{pitched(30.5, 60), gap(59.5), pitched(31, 60)}, `120 opened1 since 0 for 120`},
		{"a longer one is a rest", []spell{pitched(30.5, 60), gap(99.5), pitched(60.5, 60)}, `190 opened1 since 130 for 60`},
	})
}

// The recovery from a full hold of 60 degrees is over after 180 s. Readings of
// 0.7 s keep it off the boundary, where rounding would decide.
func TestGoldenHoldRecovers(t *testing.T) {
	isGolden(t, schemas.RuleHold, items(700*time.Millisecond, pitched(60.2, 60), upright(200)), `
		60.2 opened1 since 0 for 60.2
		240.8 closed1 since 0 for 240.8 recovered at 240.8`)
}

func TestGoldenSitting(t *testing.T) {
	sameAsGolden(t, schemas.RuleSitting, []golden{
		{"just under 20 min", []spell{upright(1200)}, ``},
		{"20 min", []spell{upright(1200.5)}, `1200 opened1 since 0 for 1200`},
		{"just under 30 min", []spell{upright(1800)}, `1200 opened1 since 0 for 1200`},
		{"30 min", []spell{upright(1800.5)}, `
			1200 opened1 since 0 for 1200
			1800 escalated2 since 0 for 1800`},
		{"just under 50 min", []spell{upright(3000)}, `
			1200 opened1 since 0 for 1200
			1800 escalated2 since 0 for 1800`},
		{"50 min and a break", []spell{upright(3000), walking(120), upright(2)}, `
			1200 opened1 since 0 for 1200
			1800 escalated2 since 0 for 1800
			3000 escalated3 since 0 for 3000
			3010 risen3 since 0 for 3000
			3120 closed3 since 0 for 3000 break at 3000`},
	})
}

func TestGoldenImmobility(t *testing.T) {
	sameAsGolden(t, schemas.RuleImmobility, []golden{
		{"just under 20 min", []spell{upright(1199.5), standing(20)}, ``},
		{"20 min", []spell{upright(1200.5)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200`},
		{"10.0 degrees are no shift", []spell{upright(600), pitched(600.5, 10)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200`},
		{"10.1 degrees are one", []spell{upright(600), pitched(1210, 10.1)}, `
			1809.5 opened1 since 609.5 for 1200
			1809.5 escalated2 since 609.5 for 1200`},
		{"10.1 degrees to a side, too", []spell{upright(600), rolled(1210, -10.1)}, `
			1809.5 opened1 since 609.5 for 1200
			1809.5 escalated2 since 609.5 for 1200`},
		{"slowly is no shift from pose to pose, but from the last one", []spell{upright(400), pitched(400, 6), pitched(400, 11)}, ``},
		{"a shift of under half of ten seconds is none", []spell{upright(600), pitched(4.5, 30), upright(596)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200`},
		{"a shift ends it", []spell{upright(1200), pitched(20, 15)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200
			1210 closed2 since 0 for 1209.5 shifted at 1210`},
		{"rising for under 10 s does not", []spell{upright(1205), standing(9.5), upright(5)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200`},
		{"rising does", []spell{upright(1205), standing(10.5)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200
			1215 closed2 since 0 for 1205 standing at 1205`},
		{"walking off does", []spell{upright(1205), walking(10.5)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200
			1215 closed2 since 0 for 1205 moved at 1205`},
		{"a gap of a minute freezes it", []spell{upright(600.5), gap(59.5), upright(601)}, `
			1260 opened1 since 0 for 1200
			1260 escalated2 since 0 for 1200`},
		{"a longer one ends it", []spell{upright(1205.5), gap(60), upright(5)}, `
			1200 opened1 since 0 for 1200
			1200 escalated2 since 0 for 1200
			1265.5 closed2 since 0 for 1205 unknown at 1205`},
	})
}

func TestGoldenLean(t *testing.T) {
	sameAsGolden(t, schemas.RuleLean, []golden{
		{"10.0 degrees", []spell{rolled(600, 10)}, ``},
		{"10.1 degrees, just under 5 min", []spell{rolled(300, 10.1)}, ``},
		{"10.1 degrees for 5 min", []spell{rolled(300.5, 10.1)}, `
			300 opened1 since 0 for 300 right
			300 escalated2 since 0 for 300 right`},
		{"20.0 degrees for a minute", []spell{rolled(61, -20)}, ``},
		{"20.1 degrees, just under a minute", []spell{rolled(60, -20.1)}, ``},
		{"20.1 degrees for a minute", []spell{rolled(60, -20.1), upright(6)}, `
			60 opened1 since 0 for 60 left
			60 escalated2 since 0 for 60 left
			65 closed2 since 0 for 60 recovered at 60 left`},
		{"far and near together", []spell{rolled(200, 12), rolled(60.5, 21)}, `
			260 opened1 since 0 for 260 right
			260 escalated2 since 0 for 260 right`},
		{"bent forward by 60 degrees", []spell{{secs: 300.5, pitch: 60, roll: 12}}, `
			300 opened1 since 0 for 300 right
			300 escalated2 since 0 for 300 right`},
		{"by more a side means nothing", []spell{{secs: 600, pitch: 60.1, roll: 12}}, ``},
		{"nor leaning back so far", []spell{{secs: 600, pitch: -60.1, roll: 12}}, ``},
		{"a moment upright does not clear it", []spell{rolled(200, 12), upright(4.5), rolled(100.5, 12)}, `
			304.5 opened1 since 0 for 300 right
			304.5 escalated2 since 0 for 300 right`},
		{"5 s do", []spell{rolled(200, 12), upright(5), rolled(300, 12)}, ``},
		{"the other side clears it", []spell{rolled(299.5, 12), rolled(300, -12)}, ``},
		{"and counts by itself then", []spell{rolled(299.5, 12), rolled(306, -12)}, `
			604.5 opened1 since 304.5 for 300 left
			604.5 escalated2 since 304.5 for 300 left`},
		{"walking off ends it", []spell{rolled(61, 21), walking(10)}, `
			60 opened1 since 0 for 60 right
			60 escalated2 since 0 for 60 right
			66 closed2 since 0 for 61 moved at 61 right`},
		{"a gap of over a minute ends it", []spell{rolled(61, 21), gap(60.5), rolled(10, 21)}, `
			60 opened1 since 0 for 60 right
			60 escalated2 since 0 for 60 right
			121.5 closed2 since 0 for 60.5 unknown at 60.5 right`},
	})
}

// bendings are n bends, one each period seconds, up at 20 degrees and down at 10
// ten seconds later.
func bendings(n int, period, up, down float64) (all []spell) {
	for range n {
		all = append(all, pitched(10, up), pitched(period-10, down))
	}
	return all
}

func TestGoldenBending(t *testing.T) {
	with := func(first []spell, rest ...spell) []spell { return append(first, rest...) }
	sameAsGolden(t, schemas.RuleBending, []golden{
		{"19 in ten minutes", bendings(19, 30, 20, 10), ``},
		{"20 in ten minutes", bendings(20, 30, 20, 10), `
			580 opened1 since 580 for 0
			580 escalated2 since 580 for 0`},
		{"20 in over ten minutes", bendings(22, 32, 20, 10), ``},
		{"not up to 20 degrees", bendings(30, 20, 19.9, 10), ``},
		{"not down to 10 degrees", bendings(30, 20, 20, 10.1), ``},
		{"a gap of a minute in the middle of a bend", with(bendings(19, 15, 20, 10), pitched(5.5, 20), gap(59.5), pitched(5, 10)), `
			350 opened1 since 350 for 0
			350 escalated2 since 350 for 0`},
		{"a longer one forgets it", with(bendings(19, 15, 20, 10), pitched(5.5, 20), gap(60), pitched(5, 10)), ``},
		{"ten minutes of silence hold none", with(slices.Repeat([]spell{pitched(1, 20), pitched(1, 10)}, 20), gap(1100), upright(1)), `
			39 opened1 since 39 for 0
			39 escalated2 since 39 for 0
			1140 closed2 since 39 for 1101 recovered at 1140`},
		{"it is over when the ten minutes hold under ten", with(bendings(20, 30, 20, 10), upright(400)), `
			580 opened1 since 580 for 0
			580 escalated2 since 580 for 0
			900 closed2 since 580 for 320 recovered at 900`},
	})
}

func TestGoldenOffline(t *testing.T) {
	sameAsGolden(t, schemas.RuleOffline, []golden{
		{"9:59 min", []spell{upright(0.5), gap(598.5), upright(1)}, ``},
		{"10:00 min", []spell{upright(0.5), gap(599.5), upright(1)}, `
			600 opened1 since 0 for 600
			600 closed1 since 0 for 600 back at 600`},
		{"not worn before it", []spell{takenOff(1), gap(1000), upright(1)}, ``},
	})
}
