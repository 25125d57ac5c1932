package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// slouch sends two minutes and a bit of slouching that end now, each message
// twice, as a device does whose acknowledgement was lost.
func (d *wearable) slouch(device string, boot, seq int, until time.Time) (next int) {
	d.t.Helper()
	for from := until.Add(-125 * time.Second); from.Before(until); from = from.Add(25 * time.Second) {
		var payload string
		payload, next = body(boot, seq, from, from.Add(25*time.Second), 25)
		d.publish(device, "readings", payload)
		d.publish(device, "readings", payload)
		seq = next
	}
	return next
}

func TestFromReadingToNudge(t *testing.T) { onEach(t, fromReadingToNudge) }

func fromReadingToNudge(t *testing.T, on app.InfluxOptions) {
	t.Helper()
	dir := t.TempDir()
	w := startOn(t, dir, on)
	w.enrol([2]string{"anna", "band-1"}, [2]string{"ben", "band-2"}, [2]string{"cleo", "band-3"})
	band := connect(t, w, "band-1", "band-1")
	gateway := connect(t, w, "gateway-1", "band-2", "band-3")

	// The device's wearer slouches and is nudged, in words. It all happened a
	// minute ago, which is fresh enough and leaves time for more before the
	// present.
	now := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	next := band.slouch("band-1", 7, 100, now)
	n := band.nudged()
	if n.Rule != schemas.RuleSlouch || n.Level != 2 || n.Text == "" || !strings.Contains(n.Reason, "2 minutes") || !strings.Contains(n.Reason, "25 degrees") {
		t.Errorf("nudge %+v", n)
	}
	sent := w.decision("anna", schemas.ActionSent)
	if sent.Nudge != n.ID || sent.Text != n.Text {
		t.Errorf("the nudge's record %+v is not of nudge %+v", sent, n)
	}
	// She straightens, which is measured, and asks for quiet.
	payload, end := body(7, next, now, now.Add(8*time.Second), 1)
	band.publish("band-1", "readings", payload)
	corrected := w.decision("anna", schemas.ActionCorrected)
	if corrected.Nudge != n.ID || corrected.Outcome != schemas.Recovered || corrected.Seconds > 10 {
		t.Errorf("correction %+v", corrected)
	}
	band.publish("band-1", "replies", fmt.Sprintf(`{"schema":"sitwell.reply.v1","nudge":%q,"action":"snooze","minutes":30}`, n.ID))
	if d := w.decision("anna", schemas.ActionReplied); d.Reply != "snooze" || d.Nudge != n.ID {
		t.Errorf("reply %+v", d)
	}

	// A gateway carries two devices: only the one who slouches is nudged.
	gateway.slouch("band-2", 1, 1, now)
	upright, _ := body(9, 1, now.Add(-125*time.Second), now, 2)
	gateway.publish("band-3", "readings", upright)
	if n := gateway.nudged(); n.device != "band-2" {
		t.Errorf("the gateway got a nudge for %s", n.device)
	}
	w.settle()

	// Everything is in the store exactly once, under who wore the device.
	w.checkStored("anna", "band-1", 7, 100, end)
	w.checkStored("ben", "band-2", 1, 1, 251)
	w.checkStored("cleo", "band-3", 9, 1, 251)

	// And the episode and the nudge are to be had over HTTP.
	episode := w.episode("anna")
	if episode.ID != sent.Episode || episode.Level != 2 || episode.Outcome != schemas.Recovered || !episode.Start.Equal(now.Add(-125*time.Second)) {
		t.Errorf("episode %+v", episode)
	}
	if e := w.episode("ben"); !e.End.IsZero() {
		t.Errorf("ben's episode is over: %+v", e)
	}
	w.checkNudges("anna")

	t.Run("data and the snooze survive a restart", func(t *testing.T) {
		w.stop()
		w := startOn(t, dir, on)
		w.checkStored("anna", "band-1", 7, 100, end)
		band := connect(t, w, "band-1", "band-1")
		band.slouch("band-1", 8, 1, now.Add(8*time.Second+125*time.Second))
		if held := w.decision("anna", schemas.ActionHeld); held.HeldBy != "snoozed" {
			t.Errorf("held by %s: %s", held.HeldBy, held.Why)
		}
		if len(band.nudges) > 0 {
			t.Error("a snoozed wearer was nudged")
		}
	})
}

// checkStored compares what the store has of a device with what was sent.
func (w *world) checkStored(wearer, device string, boot, first, end int) {
	w.t.Helper()
	found := w.stored(wearer)
	if len(found) != end-first {
		w.t.Errorf("%s: %d readings stored, %d sent", wearer, len(found), end-first)
	}
	for seq := first; seq < end; seq++ {
		if n := found[fmt.Sprintf("%s/%d/%d", device, boot, seq)]; n != 1 {
			w.t.Errorf("%s: reading %d is stored %d times", wearer, seq, n)
		}
	}
}

// episode is a wearer's only slouch episode.
func (w *world) episode(wearer string) series.Episode {
	w.t.Helper()
	var answer struct{ Episodes []series.Episode }
	w.get(&answer, "/api/v1/orgs/acme/wearers/"+wearer+"/episodes", lastHour())
	if len(answer.Episodes) != 1 || answer.Episodes[0].Rule != schemas.RuleSlouch {
		w.t.Fatalf("%s has the episodes %+v", wearer, answer.Episodes)
	}
	return answer.Episodes[0]
}

func (w *world) checkNudges(wearer string) {
	w.t.Helper()
	var answer struct {
		Nudges []struct {
			Status, Text, Reply string
			CorrectionS         *float64 `json:"correction_s"`
		}
	}
	w.get(&answer, "/api/v1/orgs/acme/wearers/"+wearer+"/nudges", lastHour())
	if len(answer.Nudges) != 1 || answer.Nudges[0].Text == "" || answer.Nudges[0].Reply != "snooze" || answer.Nudges[0].CorrectionS == nil {
		w.t.Errorf("%s has the nudges %+v", wearer, answer.Nudges)
	}
}

func TestUnknownDeviceIsQuarantinedAndRedriven(t *testing.T) { onEach(t, quarantinedAndRedriven) }

func quarantinedAndRedriven(t *testing.T, on app.InfluxOptions) {
	t.Helper()
	w := startOn(t, t.TempDir(), on)
	w.enrol()
	band := connect(t, w, "band-9")
	now := time.Now().Truncate(time.Millisecond)
	payload, _ := body(1, 1, now.Add(-10*time.Second), now, 3)
	band.publish("band-9", "readings", payload)
	band.publish("band-9", "readings", `{"schema":"sitwell.readings.v1"`)
	band.publish("BAND", "readings", payload)
	w.awaitQuarantine(3)
	list := w.sitwell("quarantine", "list")
	for _, want := range []string{"unknown_device", "not_json", "bad_identifier", "sitwell/v1/acme/band-9/readings"} {
		if !strings.Contains(list, want) {
			t.Errorf("quarantine does not list %s:\n%s", want, list)
		}
	}
	w.sitwell("wearer", "add", "acme", "dora")
	w.sitwell("device", "add", "acme", "band-9")
	w.sitwell("device", "assign", "acme", "band-9", "--wearer", "dora", "--from", now.Add(-time.Hour).UTC().Format(time.RFC3339))
	if out := w.sitwell("quarantine", "redrive"); !strings.Contains(out, "1 message taken") {
		t.Errorf("redrive said %q", out)
	}
	w.settle()
	w.checkStored("dora", "band-9", 1, 1, 21)
	if list := w.sitwell("quarantine", "list"); strings.Contains(list, "unknown_device") || !strings.Contains(list, "not_json") {
		t.Errorf("after the redrive quarantine lists\n%s", list)
	}
}

// awaitQuarantine waits until so many messages are refused.
func (w *world) awaitQuarantine(n uint64) {
	w.t.Helper()
	r, err := w.Bus().Reader(w.t.Context(), schemas.StreamQuarantine, nil, n)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	select {
	case <-r.C():
	case <-time.After(patience):
		w.t.Fatalf("fewer than %d messages are in quarantine", n)
	}
}

func TestPageAndHealth(t *testing.T) {
	w := start(t, t.TempDir())
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics"} {
		if resp := w.open(path, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		} else {
			_ = resp.Body.Close()
		}
	}
}
