package sim_test

import (
	"context"
	"testing"
	"time"

	"sitwell/internal/sim"
	"sitwell/schemas"
)

func TestSimulateIsAcknowledged(t *testing.T) {
	server := startBroker(t)
	addr := server.MQTT()
	l := listen(t, server)
	counts, err := sim.Simulate(t.Context(), sim.Options{
		URL: "tcp://" + addr, Org: org, Wearers: 5, Hertz: 4, Seed: 1, Duration: 1500 * time.Millisecond,
	})
	if err != nil || counts.Acked != counts.Sent || counts.ItemsAcked != counts.ItemsSent || counts.ItemsSent < 5 {
		t.Fatalf("counts are %+v, %v", counts, err)
	}
	var got int64
	for got < counts.ItemsSent {
		select {
		case m := <-l.heard:
			topic, err := schemas.ParseTopic(m.Topic())
			if err != nil {
				t.Fatal(err)
			}
			if topic.Kind != schemas.KindReadings {
				continue
			}
			msg, err := schemas.Decode(topic.Kind, m.Payload(), time.Now())
			if err != nil || len(msg.Rejects) > 0 {
				t.Fatalf("%s: %v, rejects %v", topic, err, msg.Rejects)
			}
			got += int64(len(msg.Items))
		case <-time.After(10 * time.Second):
			t.Fatalf("%d readings arrived of %d acknowledged", got, counts.ItemsAcked)
		}
	}
}

func TestSimulateRefusesBadOptions(t *testing.T) {
	for name, o := range map[string]sim.Options{
		"no URL":         {Org: org, Wearers: 1},
		"no org":         {URL: "tcp://x", Wearers: 1},
		"no wearers":     {URL: "tcp://x", Org: org},
		"too fast":       {URL: "tcp://x", Org: org, Wearers: 1, Hertz: 100},
		"runs backwards": {URL: "tcp://x", Org: org, Wearers: 1, Duration: -1},
	} {
		if _, err := sim.Simulate(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A nudge that arrives over MQTT is answered once the leaner has straightened.
func TestLiveReactsToARealNudge(t *testing.T) {
	server := startBroker(t)
	addr := server.MQTT()
	l := listen(t, server)
	office := sim.NewOffice(1, time.Now())
	office.Org = org
	discard := func(*sim.Wearer, []schemas.Item) error { return nil }
	if err := office.History(t.Context(), discard); err != nil {
		t.Fatal(err)
	}
	if err := office.Tail(t.Context(), time.Now(), discard); err != nil {
		t.Fatal(err)
	}
	cast := office.Script()
	leaner := cast.Leaner
	office.Wearers = []*sim.Wearer{leaner, cast.Offliner}
	fleet, err := sim.ConnectAll(t.Context(), office.Wearers, sim.DeviceOptions{URL: "tcp://" + addr, Org: org})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended, went := make(chan error, 1), make(chan *sim.Wearer, 1)
	go func() {
		ended <- office.Live(ctx, fleet.Of, sim.Hooks{WentAway: func(w *sim.Wearer) { went <- w }})
	}()
	if w := <-went; w != cast.Offliner {
		t.Errorf("%s went offline", w.ID)
	}

	topic := schemas.Topic{Org: org, Device: leaner.Device, Kind: schemas.KindReadings}
	if deg := l.pitch(t, topic.String()); deg < 20 {
		t.Errorf("the leaner leans %v degrees", deg)
	}
	n := schemas.Nudge{Schema: schemas.SchemaNudge, ID: "n1", Rule: schemas.RuleSlouch, Level: 2, Expires: time.Now().Add(time.Minute)}
	b, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	topic.Kind = schemas.KindNudges
	wait(t, l.client.Publish(topic.String(), 1, false, b))
	topic.Kind = schemas.KindReplies
	if r, err := schemas.DecodeReply(l.next(t, topic.String())); err != nil || r.NudgeID != "n1" || r.Action != schemas.ReplyDone {
		t.Errorf("the reply is %+v, %v", r, err)
	}
	topic.Kind = schemas.KindReadings
	deg := l.pitch(t, topic.String())
	for deg > 10 {
		deg = l.pitch(t, topic.String())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := fleet.Close(bounded); err != nil {
		t.Error(err)
	}
}

// pitch is the trunk's flexion in the next message on a topic, in degrees.
func (l *listener) pitch(t *testing.T, topic string) float64 {
	t.Helper()
	m, err := schemas.Decode(schemas.KindReadings, l.next(t, topic), time.Now())
	if err != nil || len(m.Items) == 0 {
		t.Fatalf("readings of %s: %v", topic, err)
	}
	return float64(m.Items[len(m.Items)-1].TrunkPitch) / 10
}
