package broker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
)

// TestAtItsLimitTheBrokerAcknowledgesNothing: while ingest is away, the broker
// takes what it may hold. What does not fit is not acknowledged, and once ingest
// has taken the rest, the device's next attempt goes through.
func TestAtItsLimitTheBrokerAcknowledgesNothing(t *testing.T) {
	b := brokertest.Broker(t, t.TempDir())
	log, err := bus.Open(t.Context(), brokertest.Connect(t, b), bus.Options{Partitions: 8, Limits: bus.Limits{MQTT: 100_000}})
	if err != nil {
		t.Fatal(err)
	}
	in := take(t, b)
	in.leave()
	b.Admit()
	d := device(t, b, "band-1")
	pad := make([]byte, 10_000)
	text := ""
	for i := 0; ; i++ {
		if text = fmt.Sprintf("%d %s", i, pad); !d.try(text, 10*time.Second) {
			break
		}
		if i > 20 {
			t.Fatal("more was acknowledged than the broker may hold")
		}
	}
	if d.lost == 0 {
		t.Error("the device was not disconnected")
	}
	all, err := log.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		if u.Stream == "$MQTT_msgs" && (u.Messages != uint64(len(d.acked)) || u.Limit != 100_000) {
			t.Errorf("%d were acknowledged, %+v", len(d.acked), u)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	take(t, b).check(ctx, d.acked)
	if !until(ctx, func() bool { return d.try(text, 10*time.Second) }) {
		t.Error("with room again, the message is not taken")
	}
}
