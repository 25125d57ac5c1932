package office_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sitwell/internal/auth"
	"sitwell/internal/office"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

var acme = schemas.MustID("acme")

// people is a registry and a store in one: so many wearers in each of some teams,
// who all wear the device for four hours on the days since.
type people struct {
	sizes []int
	since time.Time
	until time.Time
	reads []series.Query
}

func (p *people) Teams(org schemas.ID) []registry.Team {
	var list []registry.Team
	for i := range p.sizes {
		list = append(list, registry.Team{Org: org, ID: id("team", i), Name: fmt.Sprintf("Team %d", i)})
	}
	return list
}

func (p *people) Wearers(org schemas.ID) []registry.Wearer {
	var list []registry.Wearer
	for i, n := range p.sizes {
		for range n {
			list = append(list, registry.Wearer{Org: org, Team: id("team", i), ID: id("wearer", len(list))})
		}
	}
	return list
}

func (p *people) Totals(_ context.Context, q series.Query) ([]series.Totals, error) {
	p.reads = append(p.reads, q)
	if q.From.Before(p.since) || !q.From.Before(p.until) {
		return nil, nil
	}
	var list []series.Totals
	for _, w := range p.Wearers(q.Org) {
		list = append(list, series.Totals{
			Wearer: w.ID, Minutes: 240, Sitting: 4 * 3600, Upright: 3 * 3600, Slouched: 3600, FlexionSum: 4 * 3600 * 11, Breaks: 5,
		})
	}
	return list, nil
}

func id(kind string, i int) schemas.ID { return schemas.MustID(fmt.Sprintf("%s-%d", kind, i)) }

func summary(t *testing.T, p *people, zone string, now time.Time) office.Summary {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	asker, _ := auth.Local{}.Ask(nil)
	scope, err := asker.Org(acme)
	if err != nil {
		t.Fatal(err)
	}
	s, err := office.New(p, p).Summary(t.Context(), scope, loc, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSummaryOfAnOffice(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC) // a Friday
	p := &people{sizes: []int{30, 7, 19, 4}, since: now.AddDate(0, 0, -14), until: now}
	s := summary(t, p, "Europe/Vienna", now)
	if len(s.Groups) != 3 || s.Groups[1].Name != "Team 1 + Team 3" || s.Groups[0].Name != "Team 0" {
		t.Fatalf("groups: %+v", s.Groups)
	}
	last := s.Office[len(s.Office)-1]
	if last.Label != "2026-W46" || last.From != "2026-11-09" || last.To != "2026-11-15" || last.Contributors != "50+" {
		t.Errorf("the last week is %+v", last)
	}
	if *last.SittingMin != 240 || *last.SlouchedPct != 25 || *last.Breaks != 5 || *last.FlexionDeg != 11 {
		t.Errorf("its figures are %d, %d, %v, %d", *last.SittingMin, *last.SlouchedPct, *last.Breaks, *last.FlexionDeg)
	}
	if got := s.Groups[1].Weeks[3]; got.Contributors != "10-19" || got.Suppressed {
		t.Errorf("the pooled teams' week is %+v", got)
	}
	if !s.Office[0].Suppressed {
		t.Errorf("a week before anybody wore anything has figures: %+v", s.Office[0])
	}
}

// Nothing of today or of this week is read at all, whatever the zone.
func TestSummaryIsNeverLive(t *testing.T) {
	for _, zone := range []string{"Pacific/Auckland", "Europe/Vienna", "America/Los_Angeles", "UTC"} {
		now := time.Date(2026, 11, 20, 11, 30, 0, 0, time.UTC)
		p := &people{sizes: []int{60}, since: now.AddDate(0, 0, -14), until: now.AddDate(1, 0, 0)}
		s := summary(t, p, zone, now)
		loc, _ := time.LoadLocation(zone)
		local := now.In(loc)
		today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, loc)
		for _, q := range p.reads {
			if q.To.After(today) {
				t.Fatalf("%s: read to %s, though today began at %s", zone, q.To, today)
			}
		}
		if got, want := s.Days[len(s.Days)-1].Label, today.AddDate(0, 0, -1).Format(time.DateOnly); got != want {
			t.Errorf("%s: the last day is %s, not %s", zone, got, want)
		}
	}
}

// A day on which clocks change is still one day, and no minute falls between two.
func TestDaysJoinAcrossClockChanges(t *testing.T) {
	now := time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	p := &people{sizes: []int{60}, since: now.AddDate(-1, 0, 0), until: now}
	summary(t, p, "Europe/Vienna", now)
	ends := map[time.Time]bool{}
	for _, q := range p.reads {
		ends[q.To.UTC()] = true
	}
	gaps := 0
	for _, q := range p.reads {
		if !ends[q.From.UTC()] {
			gaps++
		}
	}
	if gaps != 1 { // only the first begins after nothing
		t.Errorf("%d days begin where none ended", gaps)
	}
}

// Nine people: the same shape as of an office where nobody wore anything.
func TestSmallOfficeIsSuppressedInTheSameShape(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	few := summary(t, &people{sizes: []int{5, 4}, since: now.AddDate(0, 0, -40), until: now}, "UTC", now)
	none := summary(t, &people{sizes: []int{5, 4}, since: now, until: now}, "UTC", now)
	a, _ := json.Marshal(few)
	b, _ := json.Marshal(none)
	if !bytes.Equal(a, b) {
		t.Errorf("nine people can be told from nobody:\n%s\n%s", a, b)
	}
	if !strings.Contains(string(a), `"groups":[]`) || strings.Contains(string(a), `"suppressed":false`) {
		t.Errorf("something is published: %s", a)
	}
}

func TestDaysNeedMorePeopleThanWeeks(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	s := summary(t, &people{sizes: []int{49}, since: now.AddDate(0, 0, -40), until: now}, "UTC", now)
	if s.Office[3].Suppressed {
		t.Error("a week of 49 people is suppressed")
	}
	for _, d := range s.Days {
		if !d.Suppressed {
			t.Fatalf("the day %s of 49 people is published", d.Label)
		}
	}
}

// A second look reads nothing, until it is time to.
func TestDaysAreKept(t *testing.T) {
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	p := &people{sizes: []int{60}, since: now.AddDate(0, 0, -14), until: now}
	asker, _ := auth.Local{}.Ask(nil)
	scope, _ := asker.Org(acme)
	o := office.New(p, p)
	look := func(at time.Time) int {
		before := len(p.reads)
		if _, err := o.Summary(t.Context(), scope, time.UTC, at); err != nil {
			t.Fatal(err)
		}
		return len(p.reads) - before
	}
	first, second, later := look(now), look(now.Add(time.Minute)), look(now.Add(10*time.Minute))
	if first < 28 || second != 0 || later == 0 || later > 4 {
		t.Errorf("reads of the store: %d, then %d, then %d", first, second, later)
	}
}
