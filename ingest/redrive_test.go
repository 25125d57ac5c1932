package ingest_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"sitwell/ingest"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// redrive asks for a quarantined message as `sitwell quarantine redrive` does.
func (p *plant) redrive(t *testing.T, request string) ingest.RedriveResult {
	t.Helper()
	answer, err := p.log.Conn().RequestWithContext(within(t), ingest.RedriveSubject, []byte(request))
	must(t, err)
	var result ingest.RedriveResult
	must(t, json.Unmarshal(answer.Data, &result))
	return result
}

// serve starts a pipeline that answers redrives.
func (p *plant) serve(t *testing.T) *running {
	t.Helper()
	r := p.run(t)
	sub, err := r.ServeRedrive(within(t), p.log.Conn(), p.log)
	must(t, err)
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return r
}

func TestRedriveAfterTheDeviceIsAdded(t *testing.T) {
	p := newPlant(t)
	spare := schemas.MustID("spare")
	r := p.serve(t)
	// Without a clock: the ages count from the first receipt, not from the redrive.
	received := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond)
	done := make(chan int, 1)
	r.Handle(within(t), topic(spare, schemas.KindReadings), []byte(`{"schema":"sitwell.readings.v1","boot":7,"readings":[`+
		`{"seq":1,"age_ms":1000,"sitting":true},{"seq":2,"age_ms":0,"sitting":true},{"seq":3,"age_ms":0,"trunk_pitch_deg":900}]}`),
		received, func(refused int) { done <- refused })
	if n := <-done; n != 3 {
		t.Errorf("%d refused, want 3", n)
	}
	seq, q := one(t, p.quarantined(t, 1))
	if q.Reason != schemas.UnknownDevice || q.Readings != 3 || !q.Reason.Redrivable() {
		t.Fatalf("quarantined %+v", q)
	}

	if again := p.redrive(t, strconv.FormatUint(seq, 10)); again.Error != "" || again.Refused != 3 {
		t.Errorf("redriven before the device was added: %+v", again)
	}
	if _, err := p.log.Get(t.Context(), schemas.StreamQuarantine, seq); err == nil {
		t.Error("it stands in quarantine twice")
	}

	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: schemas.MustID("eve")}))
	must(t, p.registry.Assign(t.Context(), acme, spare, registry.Assignment{Wearer: schemas.MustID("eve"), From: time.Unix(1, 0)}))
	seq, _ = one(t, p.quarantined(t, 1))
	if result := p.redrive(t, strconv.FormatUint(seq, 10)); result.Error != "" || result.Refused != 1 {
		t.Errorf("redriven: %+v, want the one bad reading refused", result)
	}
	s := p.stored(t)
	s.exactly(t, p, 2)
	if b := s.batches[0]; b.Items[0].Time != received.UnixMilli()-1000 || b.Received != received.UnixMilli() {
		t.Errorf("received %d, the first reading lies at %d", b.Received, b.Items[0].Time)
	}
	if _, q = one(t, p.quarantined(t, 1)); q.Reason != schemas.OutOfRange {
		t.Errorf("left in quarantine: %+v", q)
	}
}

func TestRedriveAfterTheDeviceIsAssigned(t *testing.T) {
	p := newPlant(t)
	spare := schemas.MustID("spare")
	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	r := p.serve(t)
	item := reading(1)
	r.handle(t, topic(spare, schemas.KindReadings), payload(item, reading(2)))
	r.handle(t, topic(spare, schemas.KindEvents), schemas.AppendMessage(nil, schemas.KindEvents, 7, time.Now(), []schemas.Item{{
		Reading: schemas.Reading{Seq: 3, Time: item.Time}, Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated},
	}}))
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: schemas.MustID("eve")}))
	must(t, p.registry.Assign(t.Context(), acme, spare, registry.Assignment{Wearer: schemas.MustID("eve"), From: time.Unix(1, 0)}))
	for seq, q := range p.quarantined(t, 2) {
		if q.Reason != schemas.Unassigned {
			t.Errorf("quarantined %+v", q)
		}
		if result := p.redrive(t, strconv.FormatUint(seq, 10)); result.Error != "" || result.Refused != 0 {
			t.Errorf("redriven: %+v", result)
		}
		if _, err := p.log.Get(t.Context(), schemas.StreamQuarantine, seq); err == nil {
			t.Errorf("%d is still in quarantine", seq)
		}
	}
	s := p.stored(t)
	s.exactly(t, p, 3)
	for _, b := range s.batches {
		for i := range b.Items {
			if it := &b.Items[i]; it.Seq == 1 && it.Reading != item.Reading {
				t.Errorf("the reading changed: %+v, was %+v", it.Reading, item.Reading)
			}
		}
	}
}

func TestRedriveSaysWhatIsWrong(t *testing.T) {
	p := newPlant(t)
	r := p.serve(t)
	for request, want := range map[string]string{"": "no number", "x": "no number", "-1": "no number", "99": "99"} {
		if result := p.redrive(t, request); !strings.Contains(result.Error, want) {
			t.Errorf("%q: %+v, want an error with %q", request, result, want)
		}
	}
	r.handle(t, topic(band1, schemas.KindReadings), make([]byte, 2*schemas.MaxPayload))
	seq, q := one(t, p.quarantined(t, 1))
	if q.Reason != schemas.TooLarge || !q.Truncated || len(q.Payload) != schemas.MaxPayload {
		t.Errorf("quarantined %s of %d bytes", q.Reason, len(q.Payload))
	}
	if result := p.redrive(t, strconv.FormatUint(seq, 10)); !strings.Contains(result.Error, "too large") {
		t.Errorf("a cut payload: %+v", result)
	}
	r.stop(t)
	if result := p.redrive(t, strconv.FormatUint(seq, 10)); result.Error == "" {
		t.Errorf("redriven by an ingest that has stopped: %+v", result)
	}
}
