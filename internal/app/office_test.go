package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/office"
	"sitwell/internal/registry"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

// The figures of a week that is over are made from what is recorded, and shown, on
// either store.
func TestTheOfficesFiguresAreMade(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { t.Parallel(); figuresAreMade(t, options(t.TempDir())) })
	t.Run("InfluxDB", func(t *testing.T) {
		t.Parallel()
		server := influxtest.Start(t)
		figuresAreMade(t, inInflux(t, options(t.TempDir()), server))
	})
}

func figuresAreMade(t *testing.T, o app.Options) {
	t.Helper()
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	acme := schemas.MustID("acme")
	must(t, a.Registry().AddOrg(t.Context(), registry.Org{ID: acme, Name: "Acme"}))
	var people []schemas.ID
	for _, team := range []string{"east", "west"} {
		must(t, a.Registry().AddTeam(t.Context(), registry.Team{Org: acme, ID: schemas.MustID(team), Name: team}))
		for i := range office.K {
			id := schemas.MustID(fmt.Sprintf("%s-%d", team, i))
			must(t, a.Registry().AddWearer(t.Context(), registry.Wearer{Org: acme, ID: id, Team: schemas.MustID(team), Name: id.String()}))
			people = append(people, id)
		}
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	// An hour of the week before the last, and a minute of now: otherwise it would be waited for.
	judged(t, a, acme, people, monday.AddDate(0, 0, -11).Add(9*time.Hour), 60)
	judged(t, a, acme, people, time.Now().Add(-2*time.Minute), 1)

	s := summary(t, a)
	for deadline := time.Now().Add(90 * time.Second); s.Office[2].Suppressed; s = summary(t, a) {
		if time.Now().After(deadline) {
			t.Fatalf("no figures were made: %+v", s)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	if w := s.Office[2]; w.Contributors != "20-49" || *w.SittingMin != 60 || *w.SlouchedPct != 25 || s.Made.IsZero() {
		t.Errorf("made at %v, the week is %+v", s.Made, w)
	}
	if len(s.Groups) != 2 || s.Groups[1].Name != "west" || s.Groups[1].Weeks[2].Contributors != "10-19" {
		t.Errorf("the groups are %+v", s.Groups)
	}
}

// judged puts minutes of people into the log, as detection does.
func judged(t *testing.T, a *app.App, org schemas.ID, people []schemas.ID, from time.Time, minutes int) {
	t.Helper()
	for _, id := range people {
		var j schemas.Judged
		for m := range minutes {
			j.Rollups = append(j.Rollups, schemas.Rollup{Org: org, Wearer: id, Minute: from.Unix()/60 + int64(m), Sitting: 60, Upright: 45, Slouched: 15, Flexion: 9})
		}
		b, err := j.Encode()
		if err == nil {
			err = a.Bus().Publish(t.Context(), schemas.RollupsSubject(0), b, "")
		}
		must(t, err)
	}
}

func summary(t *testing.T, a *app.App) (s office.Summary) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP()+"/api/v1/orgs/acme/office", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	must(t, json.NewDecoder(resp.Body).Decode(&s))
	if resp.StatusCode != http.StatusOK || len(s.Office) != 4 {
		t.Fatalf("%s: %+v", resp.Status, s)
	}
	return s
}
