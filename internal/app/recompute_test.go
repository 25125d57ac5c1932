package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/hindsight"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// recomputed asks the running sitwell to rebuild ann's day.
func recomputed(t *testing.T, a *app.App, day time.Time) (answer hindsight.RecomputeAnswer) {
	t.Helper()
	nc := a.Bus().Conn()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	request := fmt.Sprintf(`{"org":"acme","wearer":"ann","day":%q}`, day.Format(time.DateOnly))
	if err := nc.PublishRequest(hindsight.RecomputeSubject, inbox, []byte(request)); err != nil {
		t.Fatal(err)
	}
	for !answer.Done {
		m, err := answers.NextMsg(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			t.Fatalf("%q: %v", m.Data, err)
		}
	}
	return answer
}

// buffered is a device's message of so many readings, one a second, of somebody who
// slouches for two minutes of every four.
func buffered(from time.Time, first, n int) string {
	var readings []string
	for seq := first; seq < first+n; seq++ {
		pitch := 5
		if seq/120%2 == 1 {
			pitch = 25
		}
		at := from.Add(time.Duration(seq) * time.Second).Format("2006-01-02T15:04:05.000Z")
		readings = append(readings, fmt.Sprintf(
			`{"seq":%d,"time":%q,"trunk_pitch_deg":%d,"trunk_roll_deg":0,"motion_sd_g":0.01,"sitting":true,"worn":true}`, seq, at, pitch))
	}
	return fmt.Sprintf(`{"schema":"sitwell.readings.v1","boot":7,"sent":%q,"readings":[%s]}`,
		time.Now().UTC().Format(time.RFC3339Nano), strings.Join(readings, ","))
}

// A day that is rebuilt over and over while a device hands in its readings, some of them
// too late, misses nothing in the end.
func TestRecomputeWhileADayArrives(t *testing.T) {
	a, err := start(t, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	acme, ann, band := schemas.MustID("acme"), schemas.MustID("ann"), schemas.MustID("band-1")
	r, ctx := a.Registry(), t.Context()
	for _, err := range []error{
		r.AddOrg(ctx, registry.Org{ID: acme, Name: "Acme"}),
		r.AddWearer(ctx, registry.Wearer{Org: acme, ID: ann, Name: "Ann"}),
		r.AddDevice(ctx, acme, band),
		r.Assign(ctx, acme, band, registry.Assignment{Wearer: ann, From: day}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if answer := recomputed(t, a, day); !answer.Refused || !strings.Contains(answer.Error, "No readings of ann") {
		t.Errorf("before there are any readings: %+v", answer)
	}
	device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("band-1"))
	wait(t, device.Connect())
	defer device.Disconnect(100)
	const minutes, size = 600, 200
	sent := make(chan error, 1)
	go func() {
		for n := range minutes * 60 / size {
			switch n { // the tenth message is overtaken by ninety
			case 10:
				continue
			case 100:
				if err := published(device, buffered(day.Add(8*time.Hour), 10*size, size)); err != nil {
					sent <- err
					return
				}
			}
			if err := published(device, buffered(day.Add(8*time.Hour), n*size, size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	outcomes := map[string]int{}
	for arriving := true; arriving; {
		select {
		case err := <-sent:
			if err != nil {
				t.Fatal(err)
			}
			arriving = false
		default:
		}
		switch answer := recomputed(t, a, day); {
		case answer.Error != "":
			outcomes[answer.Error]++
		case answer.Report.Changed():
			outcomes["changed"]++
		default:
			outcomes["not changed"]++
		}
	}
	t.Logf("while it arrived: %v", outcomes)
	// Live tells the last minute once the wearer is idle, and what it tells counts.
	awaitMinute(t, a, day.Add(8*time.Hour).Unix()/60+minutes-1, 59)
	answer := recomputed(t, a, day)
	if r := answer.Report; answer.Error != "" || r.Readings != minutes*60 || r.Late != size || r.Minutes != minutes ||
		r.MinutesBefore < minutes-1 || r.EpisodesBefore < minutes/4 || r.EpisodesBefore < r.Episodes-2 || r.MinutesChanged > 5 {
		t.Errorf("in the end: %s %+v", answer.Error, answer.Report)
	}
	if answer := recomputed(t, a, day); answer.Error != "" || answer.Report.Changed() {
		t.Errorf("and again: %s %+v", answer.Error, answer.Report)
	}
}

// awaitMinute waits until live has told a minute with so many seconds of sitting.
func awaitMinute(t *testing.T, a *app.App, minute int64, seconds float32) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for told := false; !told; {
		err := a.Bus().Each(t.Context(), schemas.StreamRollups, nil, func(m bus.Msg) error {
			judged, err := schemas.DecodeJudged(m.Data)
			for _, r := range judged.Rollups {
				told = told || r.Minute == minute && r.Sitting == seconds
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the last minute was not told")
		}
	}
}

func published(device mqtt.Client, message string) error {
	token := device.Publish("sitwell/v1/acme/band-1/readings", 1, false, message)
	token.Wait()
	return token.Error()
}
