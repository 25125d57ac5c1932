package ingest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

func TestAcknowledgedReadingsAreInTheLogOnceAndInOrder(t *testing.T) {
	p := newPlant(t)
	p.core(t)
}

// core is what must hold behind any broker: two devices, readings and events in
// one sequence on two topics, all of it in the log once and in order.
func (p *plant) core(t *testing.T) {
	t.Helper()
	r := p.start(t)
	const n = 200
	for _, id := range []schemas.ID{band1, band2} {
		d := p.device(t, id.String())
		for seq := 0; seq < n; seq += 4 {
			d.send(t, topic(id, schemas.KindReadings), payload(reading(seq), reading(seq+1), reading(seq+2)))
			d.send(t, topic(id, schemas.KindEvents), schemas.AppendMessage(nil, schemas.KindEvents, 7, time.Now(), []schemas.Item{
				{Reading: schemas.Reading{Seq: uint64(seq + 3), Time: time.Now().UnixMilli()}, Event: &schemas.Event{Type: schemas.EventButton}},
			}))
		}
	}
	s := p.stored(t)
	s.await(t, 2*n)
	r.stop(t)
	s.exactly(t, p, 2*n)
	for _, id := range []schemas.ID{band1, band2} {
		if seqs := s.seqs(id); !slices.IsSorted(seqs) {
			t.Errorf("%s is out of order: %v", id, seqs)
		}
	}
	for _, b := range s.batches {
		if want := map[schemas.ID]schemas.ID{band1: anna, band2: ben}[b.Device]; b.Wearer != want || b.Org != acme || b.Boot != 7 {
			t.Errorf("batch of %s/%s, %s, boot %d", b.Org, b.Wearer, b.Device, b.Boot)
		}
	}
	p.wantMetric(t, "sitwell_ingest_readings_total", "", 2*n)
	p.wantMetric(t, "sitwell_ingest_messages_total", "readings", 2*n/4)
	p.wantMetric(t, "sitwell_ingest_messages_total", "events", 2*n/4)
}

func TestManyMessagesMakeFewRecords(t *testing.T) {
	p := newPlant(t)
	const n = 1000
	r := p.run(t)
	var payloads [][]byte
	for seq := range n {
		payloads = append(payloads, payload(reading(seq)))
	}
	r.handle(t, topic(band1, schemas.KindReadings), payloads...)
	r.stop(t)
	s := p.stored(t)
	s.exactly(t, p, n)
	if s.records > n/4 {
		t.Errorf("%d messages of one reading made %d records", n, s.records)
	}
	if !slices.IsSorted(s.seqs(band1)) {
		t.Error("their order changed")
	}
}

func TestWearerGoesByTheReadingsOwnTime(t *testing.T) {
	p := newPlant(t)
	ctx, switchover := t.Context(), time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	spare := schemas.MustID("spare")
	must(t, p.registry.AddDevice(ctx, acme, spare))
	eve, finn := schemas.MustID("eve"), schemas.MustID("finn")
	for _, id := range []schemas.ID{eve, finn} {
		must(t, p.registry.AddWearer(ctx, registry.Wearer{Org: acme, ID: id}))
	}
	must(t, p.registry.Assign(ctx, acme, spare, registry.Assignment{Wearer: eve, From: switchover.Add(-time.Hour), To: switchover}))
	must(t, p.registry.Assign(ctx, acme, spare, registry.Assignment{Wearer: finn, From: switchover.Add(time.Minute)}))
	r := p.run(t)
	refused := r.handle(t, topic(spare, schemas.KindReadings), payload(
		readingAt(1, switchover.Add(-2*time.Millisecond)), readingAt(2, switchover.Add(-time.Millisecond)),
		readingAt(3, switchover), readingAt(4, switchover.Add(59*time.Second)), // nobody's
		readingAt(5, switchover.Add(time.Minute)), readingAt(6, time.Now()),
	))
	r.stop(t)
	s := p.stored(t)
	s.exactly(t, p, 4)
	for _, b := range s.batches {
		want := eve
		if b.Items[0].Seq >= 5 {
			want = finn
		}
		if b.Wearer != want || len(b.Items) != 2 {
			t.Errorf("seq %d of %d is %s's, want %s's", b.Items[0].Seq, len(b.Items), b.Wearer, want)
		}
	}
	_, q := one(t, p.quarantined(t, 1))
	if q.Reason != schemas.Unassigned || q.Readings != 2 || refused != 2 {
		t.Errorf("quarantined %+v, refused %d", q, refused)
	}
	p.wantMetric(t, "sitwell_ingest_refused_total", "unassigned", 2)
}

func TestGatewayPublishesForItsDevices(t *testing.T) {
	p := newPlant(t)
	r := p.start(t)
	gateway := p.device(t, "gateway-1")
	for seq := range 5 {
		for _, id := range []schemas.ID{band1, band2} {
			gateway.send(t, topic(id, schemas.KindReadings), payload(reading(seq)))
		}
	}
	s := p.stored(t)
	s.await(t, 10)
	r.stop(t)
	s.exactly(t, p, 10)
}

func TestRepliesAndStatusArrive(t *testing.T) {
	p := newPlant(t)
	p.start(t)
	d := p.device(t, band1.String())
	answers, err := p.log.Reader(t.Context(), schemas.StreamReplies, nil, 1)
	must(t, err)
	defer answers.Close()
	devices, err := p.log.KV(t.Context(), bus.BucketDevices)
	must(t, err)
	births, err := devices.Watch(within(t), "acme.band-1")
	must(t, err)
	defer func() { must(t, births.Stop()) }()

	d.send(t, topic(band1, schemas.KindReplies), []byte(`{"schema":"sitwell.reply.v1","action":"snooze","minutes":30,"nudge":"9275b58fdbd9afd8-2"}`))
	msg, err := answers.Next(within(t))
	must(t, err)
	a, err := schemas.DecodeAnswer(msg.Data)
	must(t, err)
	if msg.Subject != "replies.acme.anna" || a.Wearer != anna || a.Device != band1 || a.Reply.Minutes != 30 || a.Received.IsZero() {
		t.Errorf("%s: %+v", msg.Subject, a)
	}

	d.send(t, topic(band1, schemas.KindStatus), []byte(`{"schema":"sitwell.status.v1","online":true,"mount":"chest"}`))
	for entry := range births.Updates() {
		if entry == nil {
			continue // everything there was before
		}
		var have schemas.Presence
		must(t, json.Unmarshal(entry.Value(), &have))
		if !have.Online || have.Mount != "chest" || have.Received.IsZero() {
			t.Errorf("presence %+v", have)
		}
		return
	}
}

func TestRetainedAnswersDoNotCountAgain(t *testing.T) {
	p := newPlant(t)
	first := p.start(t)
	d := p.device(t, band1.String())
	answers, err := p.log.Reader(t.Context(), schemas.StreamReplies, nil, 1)
	must(t, err)
	defer answers.Close()
	acknowledged(t, d.Publish(topic(band1, schemas.KindReplies), 1, true, []byte(`{"schema":"sitwell.reply.v1","action":"snooze"}`)))
	_, err = answers.Next(within(t))
	must(t, err)
	first.stop(t)
	p.start(t)
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(1)))
	p.stored(t).await(t, 1) // came behind what the broker repeats at the subscription
	if n, err := p.log.LastSeq(t.Context(), schemas.StreamReplies); err != nil || n != 1 {
		t.Errorf("%d answers, %v; want 1", n, err)
	}
	p.wantMetric(t, "sitwell_ingest_retained_answers_total", "", 1)
}

func TestQoS0IsTakenAndCounted(t *testing.T) {
	p := newPlant(t)
	p.start(t)
	d := p.device(t, band1.String())
	acknowledged(t, d.Publish(topic(band1, schemas.KindReadings), 0, false, payload(reading(1))))
	p.stored(t).await(t, 1)
	p.wantMetric(t, "sitwell_ingest_qos0_total", "", 1)
}

func TestNudgesPassBy(t *testing.T) {
	p := newPlant(t)
	r := p.start(t)
	d := p.device(t, band1.String())
	d.send(t, topic(band1, schemas.KindNudges), []byte(`{"schema":"sitwell.nudge.v1"}`))
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(1)))
	p.stored(t).await(t, 1)
	r.stop(t)
	if n, err := p.log.LastSeq(t.Context(), schemas.StreamQuarantine); err != nil || n != 0 {
		t.Errorf("%d messages in quarantine, %v", n, err)
	}
}

func TestUnknownFieldsAreCounted(t *testing.T) {
	p := newPlant(t)
	p.run(t).handle(t, topic(band1, schemas.KindReadings),
		[]byte(`{"schema":"sitwell.readings.v1","boot":7,"mood":1,"readings":[{"seq":1,"age_ms":0,"sitting":true,"colour":{"a":[1]}}]}`))
	p.wantMetric(t, "sitwell_ingest_unknown_fields_total", "", 2)
	p.stored(t).await(t, 1)
}

func TestEachRefusedReadingIsCountedWithItsReason(t *testing.T) {
	p := newPlant(t)
	r := p.run(t)
	items := []string{
		`{"seq":1,"age_ms":0,"sitting":true}`, `{"seq":2,"age_ms":0,"trunk_pitch_deg":900}`, `{"seq":3,"age_ms":0,"trunk_pitch_deg":1e400}`,
		`{"seq":-1,"age_ms":0,"sitting":true}`, `{"seq":4,"age_ms":0,"sitting":"yes"}`, `{"seq":5,"age_ms":0,"sitting":true}`,
	}
	body := `{"schema":"sitwell.readings.v1","boot":7,"readings":[` + strings.Join(items, ",") + `]}`
	if n := r.handle(t, topic(band1, schemas.KindReadings), []byte(body)); n != 4 {
		t.Errorf("%d refused, want 4", n)
	}
	p.stored(t).exactly(t, p, 2)
	r.handle(t, topic(band1, schemas.KindReadings), nil, []byte("x"), []byte(body+"{}"))
	for reason, want := range map[schemas.Reason]float64{
		schemas.OutOfRange: 2, schemas.BadSequence: 1, schemas.WrongType: 1, schemas.Empty: 1, schemas.NotJSON: 1, schemas.TrailingData: 6,
	} {
		p.wantMetric(t, "sitwell_ingest_refused_total", string(reason), want)
	}
	for _, q := range p.quarantined(t, 6) {
		if q.Detail == "" || q.Received.IsZero() || q.Topic != topic(band1, schemas.KindReadings) {
			t.Errorf("quarantined %+v", q)
		}
		if q.Reason != schemas.OutOfRange {
			continue
		}
		again, err := schemas.Decode(schemas.KindReadings, q.Payload, q.Received)
		if err != nil || len(again.Rejects) != 2 || q.Readings != 2 {
			t.Errorf("the payload in quarantine is not what was refused: %v, %s", err, q.Payload)
		}
	}
}

func TestBadTopicsEndInQuarantineAndTheConnectionGoesOn(t *testing.T) {
	p := newPlant(t)
	p.start(t)
	d := p.device(t, band1.String()) // fails the test when it loses its connection
	bad := map[string]schemas.Reason{
		"sitwell/v1/A.B/dev/readings":                              schemas.BadIdentifier,
		"sitwell/v1/acme/Band-1/readings":                          schemas.BadIdentifier,
		"sitwell/v1/acme/é/readings":                               schemas.BadIdentifier,
		"sitwell/v1/acme/$JS/events":                               schemas.BadIdentifier,
		"sitwell/v1/acme/a,b=c/status":                             schemas.BadIdentifier,
		`sitwell/v1/acme/a\/replies`:                               schemas.BadIdentifier,
		"sitwell/v1/acme/" + strings.Repeat("a", 64) + "/readings": schemas.BadIdentifier,
		"sitwell/v1/acme/band-1/readings/pb":                       schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/events/x/y":                        schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/dance":                             schemas.UnsupportedTopic,
		"sitwell/v1/acme/readings":                                 schemas.UnsupportedTopic,
	}
	seq := 0
	for topic := range bad {
		d.send(t, topic, payload(reading(seq)))
		seq++
	}
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(99)))
	for _, q := range p.quarantined(t, len(bad)) {
		if q.Reason != bad[q.Topic] || len(q.Payload) == 0 {
			t.Errorf("%s: %s, want %s", q.Topic, q.Reason, bad[q.Topic])
		}
		delete(bad, q.Topic)
	}
	if len(bad) != 0 {
		t.Errorf("not in quarantine: %v", bad)
	}
	p.stored(t).await(t, 1)
}

func TestUnknownDevicesCannotLeaveAStatus(t *testing.T) {
	p := newPlant(t)
	ghost := schemas.MustID("ghost")
	r := p.run(t)
	r.handle(t, topic(ghost, schemas.KindStatus), []byte(`{"schema":"sitwell.status.v1","online":true}`))
	r.handle(t, topic(ghost, schemas.KindReplies), []byte(`{"schema":"sitwell.reply.v1","action":"done"}`))
	p.wantMetric(t, "sitwell_ingest_refused_total", "unknown_device", 2)
	kv, err := p.log.KV(t.Context(), bus.BucketDevices)
	must(t, err)
	if _, err := kv.Get(t.Context(), "acme.ghost"); err == nil {
		t.Error("it is kept")
	}
}

func TestWhatNobodyWoreStaysRedrivableHoweverLargeItGets(t *testing.T) {
	p := newPlant(t)
	spare := schemas.MustID("spare")
	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	var all []string
	for seq := range schemas.MaxSamples {
		all = append(all, fmt.Sprintf(`{"seq":%d,"age_ms":0,"acc_g":[0.1,0.9,0]}`, seq+100000))
	}
	r := p.run(t)
	r.handle(t, topic(spare, schemas.KindReadings),
		[]byte(`{"schema":"sitwell.readings.v1","boot":7,"readings":[`+strings.Join(all, ",")+`]}`))
	total := 0
	for _, q := range p.quarantined(t, 2) {
		total += q.Readings
		if q.Truncated {
			t.Error("cut off: what was acknowledged is lost")
		}
	}
	if total != schemas.MaxSamples {
		t.Errorf("%d readings in quarantine, want %d", total, schemas.MaxSamples)
	}
}
