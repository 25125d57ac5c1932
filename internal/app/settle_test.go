package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/schemas"
)

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("mqtt: %v", token.Error())
	}
}

// TestSettleWaitsForIngest: what a device was acknowledged is in the log once
// Settle returns, also while another client's session has messages waiting.
func TestSettleWaitsForIngest(t *testing.T) {
	a, err := start(t, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	away := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("away").SetCleanSession(false))
	wait(t, away.Connect())
	wait(t, away.Subscribe("sitwell/v1/acme/away/nudges", 1, nil))
	away.Disconnect(100)

	device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("band-1"))
	wait(t, device.Connect())
	defer device.Disconnect(100)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n := range 50 {
		// Nobody knows the device: its message goes to quarantine, which is in the log too.
		wait(t, device.Publish("sitwell/v1/acme/band-1/readings", 1, false, fmt.Sprintf(`{"n":%d}`, n)))
		if err := a.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if seq, err := a.Bus().LastSeq(ctx, schemas.StreamQuarantine); err != nil || seq != uint64(n+1) {
			t.Fatalf("after %d messages quarantine ends at %d, %v", n+1, seq, err)
		}
	}
}
