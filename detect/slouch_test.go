package detect

import (
	"testing"
	"time"

	"sitwell/schemas"
)

func TestSlouch(t *testing.T) {
	tests := []struct {
		name   string
		spells []spell
		want   string
	}{
		{"just too short", []spell{slouched(29.5), upright(10)}, ``},
		{"just long enough", []spell{slouched(30), upright(10)}, `
			30 opened1 since 0 for 30
			35 closed1 since 0 for 30 recovered at 30`},
		{"just under a nudge", []spell{slouched(119.5), upright(10)}, `
			30 opened1 since 0 for 30
			124.5 closed1 since 0 for 119.5 recovered at 119.5`},
		{"a nudge", []spell{slouched(120), upright(10)}, `
			30 opened1 since 0 for 30
			120 escalated2 since 0 for 120
			125 closed2 since 0 for 120 recovered at 120`},
		{"upright for too short to recover", []spell{slouched(60), upright(4.5), slouched(60.5)}, `
			30 opened1 since 0 for 30
			124.5 escalated2 since 0 for 120`},
		{"upright for long enough", []spell{slouched(60), upright(5), slouched(30.5)}, `
			30 opened1 since 0 for 30
			65 closed1 since 0 for 60 recovered at 60
			95 opened1 since 65 for 30`},
		{"dwell stands still between the thresholds", []spell{slouched(20), between10And15(20), slouched(10.5)}, `
			50 opened1 since 0 for 30`},
		{"between the thresholds recovery starts anew", []spell{slouched(60), upright(4), between10And15(1), upright(4), slouched(1)}, `
			30 opened1 since 0 for 30`},
		{"exactly at both thresholds", []spell{{secs: 30, pitch: 15}, {secs: 10, pitch: 10}, {secs: 6, pitch: 9.9}}, `
			30 opened1 since 0 for 30
			45 closed1 since 0 for 30 recovered at 40`},
		{"a tenth of a degree under", []spell{{secs: 40, pitch: 14.9}}, ``},
		{"leaning back ends it", []spell{slouched(40), {secs: 6, pitch: -20}}, `
			30 opened1 since 0 for 30
			45 closed1 since 0 for 40 recovered at 40`},
		{"walking ends it", []spell{slouched(40), walking(6)}, `
			30 opened1 since 0 for 30
			45 closed1 since 0 for 40 moved at 40`},
		{"walking counts no dwell", []spell{{secs: 60, pitch: 20, sd: 300}}, ``},
		{"a gap freezes dwell", []spell{slouched(20.5), gap(10), slouched(10.5)}, `
			40.5 opened1 since 0 for 30`},
		{"a gap of a minute freezes it too", []spell{slouched(40.5), gap(59.5), slouched(80)}, `
			30 opened1 since 0 for 30`},
		{"a gap of over a minute ends it", []spell{slouched(40.5), gap(60), slouched(31)}, `
			30 opened1 since 0 for 30
			100.5 closed1 since 0 for 40 unknown at 40
			130.5 opened1 since 100.5 for 30`},
		{"not worn is a gap", []spell{slouched(40), takenOff(60), slouched(5)}, `
			30 opened1 since 0 for 30`},
		{"not worn for over a minute ends it", []spell{slouched(40), takenOff(60.5), slouched(5)}, `
			30 opened1 since 0 for 30
			100.5 closed1 since 0 for 40 unknown at 40`},
		{"not worn and a gap are one piece", []spell{slouched(40), takenOff(30), gap(30.5), takenOff(2), slouched(5)}, `
			30 opened1 since 0 for 30
			100.5 closed1 since 0 for 40 unknown at 40`},
		{"standing with unknown motion might be walking", []spell{{secs: 60, pitch: 20, sd: -1, seat: onFeet}}, ``},
		{"sitting with unknown motion is judged", []spell{{secs: 31, pitch: 20, sd: -1}}, `
			30 opened1 since 0 for 30`},
		{"nothing but angles is judged", []spell{{secs: 31, pitch: 20, sd: -1, seat: nobodyKnows}}, `
			30 opened1 since 0 for 30`},
		{"unjudged for over a minute ends it", []spell{slouched(40), {secs: 61, pitch: 20, sd: -1, seat: onFeet}}, `
			30 opened1 since 0 for 30
			100.5 closed1 since 0 for 40 unknown at 40`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, out := judge(items(500*time.Millisecond, tt.spells...))
			sameLines(t, lines(out.Findings, schemas.RuleSlouch), tt.want)
		})
	}
}

// An interval of exactly Hold belongs to its earlier reading, one of a
// millisecond more to nobody.
func TestSlouchAtTheLongestInterval(t *testing.T) {
	for _, tt := range []struct {
		ms   int64
		want string
	}{
		{5000, `30 opened1 since 0 for 30`},
		{5001, ``},
	} {
		list := make([]schemas.Item, 7)
		for i := range list {
			list[i].Reading = slouched(0).reading(uint64(i), day0+int64(i)*tt.ms)
		}
		_, out := judge(list)
		sameLines(t, lines(out.Findings, schemas.RuleSlouch), tt.want)
	}
}

// A gap of exactly GapEnds keeps an episode, one of a millisecond more ends it.
func TestSlouchAtTheShortestGap(t *testing.T) {
	for _, tt := range []struct {
		ms   int64
		want int
	}{{60_000, 1}, {60_001, 2}} {
		list := items(500*time.Millisecond, slouched(40))
		last := list[len(list)-1].Reading
		list = append(list, schemas.Item{Reading: slouched(0).reading(last.Seq+1, last.Time+tt.ms)})
		if _, out := judge(list); len(out.Findings) != tt.want {
			t.Errorf("a gap of %d ms: %d findings, want %d", tt.ms, len(out.Findings), tt.want)
		}
	}
}

func TestFindingIsComplete(t *testing.T) {
	_, out := judge(items(500*time.Millisecond, spell{secs: 15, pitch: 20}, spell{secs: 16, pitch: 30}))
	if len(out.Findings) != 1 {
		t.Fatalf("got %d findings, want 1", len(out.Findings))
	}
	start := time.UnixMilli(day0).UTC()
	episode := schemas.EpisodeID(org, person, schemas.RuleSlouch, start)
	want := schemas.Finding{
		Schema: schemas.SchemaFinding, ID: episode + "-opened1", Episode: episode,
		Org: org, Wearer: person, Device: chest, Rule: schemas.RuleSlouch, Step: schemas.Opened, Level: 1,
		Start: start, Time: start.Add(30 * time.Second), Seconds: 30, FlexionDeg: 25, Severity: schemas.Mild, Boot: 7, Seq: 61,
	}
	got := out.Findings[0]
	got.Receipt = nil
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
