package influx

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// spoil makes the server refuse whatever has a field, from here on: there it is a text.
func (b *bench) spoil(in bucket, measurement, field string) {
	b.tb.Helper()
	p := newPoints()
	p.start(measurement)
	p.text(field, "spoilt")
	p.end(at(monday.UnixMilli(), 0))
	if err := b.store.write(b.tb.Context(), in, p.bytes()); err != nil {
		b.tb.Fatal(err)
	}
}

// The server refuses some points of a request: each of them is handed over, in a form that
// can be driven through ingest again, and all others are stored.
func TestBadPointsAreFound(t *testing.T) {
	b := newBench(t, nil)
	b.spoil(bucketRaw, measReadings, fieldHead)
	batch := inLog(1, wear(ann, chest, 1, 0, 4000), wear(bob, hip, 1, 0, 4000))
	bad := []int{0, 1, 2, 1999, 2500, 3999}
	for _, i := range bad {
		item := &batch.Readings[0].Items[i]
		item.HeadPitch, item.Fields = 17, item.Fields|schemas.HasHead
	}
	if done := b.append(batch); done != (series.Appended{Refused: len(bad)}) {
		t.Errorf("the append came to %+v, want %d refused", done, len(bad))
	}
	b.wantStored(8000 - int64(len(bad)))
	b.wantPosition(schemas.StreamReadings, series.Position{Seq: 1, Log: "log"})
	var seqs []int
	for _, r := range b.refused {
		if r.Wearer != ann || r.Device != chest || r.What != "readings" || r.Topic != "sitwell/v1/acme/chest-1/readings" || !strings.Contains(r.Detail, "field type conflict") {
			t.Errorf("refused is %+v", r)
		}
		m, err := schemas.Decode(schemas.KindReadings, r.Payload, time.UnixMilli(r.Received))
		if err != nil || len(m.Items) != r.Count || m.Boot != 1 {
			t.Fatalf("%d readings come out of the payload %s: %v", len(m.Items), r.Payload, err)
		}
		for _, item := range m.Items {
			if i := int(item.Seq); item != batch.Readings[0].Items[i] {
				t.Errorf("reading %d comes back as %+v", i, item)
			}
			seqs = append(seqs, int(item.Seq))
		}
	}
	if slices.Sort(seqs); !slices.Equal(seqs, bad) {
		t.Errorf("readings %v were handed over, want %v", seqs, bad)
	}
}

// What is all refused costs one request, and is handed over in messages that ingest takes.
func TestAllPointsAreBad(t *testing.T) {
	b := newBench(t, nil)
	b.spoil(bucketRaw, measReadings, fieldRun)
	b.spoil(bucketRollups, measMinutes, fieldSitting)
	b.spoil(bucketEvents, measFindings, fieldLevel)
	b.spoil(bucketEvents, measDecisions, fieldLog)
	b.spoil(bucketRaw, measLate, fieldBoot)
	batch := inLog(1, wear(ann, chest, 1, 0, 950))
	batch.Late = []schemas.Late{{Org: acme, Wearer: ann, Device: chest, First: 1, Last: 2, From: monday.UnixMilli(), To: monday.UnixMilli()}}
	batch.Rollups = []schemas.Rollup{{Org: acme, Wearer: ann, Minute: monday.Unix() / 60, Sitting: 60}}
	batch.Findings = []schemas.Finding{{ID: "f", Episode: "e", Org: acme, Wearer: ann, Device: chest, Rule: schemas.RuleSlouch, Step: schemas.Opened, Start: monday, Time: monday}}
	batch.Decisions = []schemas.Decision{{ID: "d", Org: acme, Wearer: ann, Device: chest, Action: schemas.ActionHeld, Time: monday}}
	if done := b.append(batch); done != (series.Appended{Refused: 950 + 4}) {
		t.Errorf("the append came to %+v", done)
	}
	counts := map[string]int{}
	for _, r := range b.refused {
		counts[r.What] += r.Count
		if r.What == "readings" {
			if _, err := schemas.Decode(schemas.KindReadings, r.Payload, time.UnixMilli(r.Received)); err != nil {
				t.Errorf("ingest refuses the payload: %v", err)
			}
		} else if r.Topic != "" || !bytes.HasPrefix(r.Payload, []byte(r.What+",")) {
			t.Errorf("refused is %+v", r)
		}
	}
	for what, want := range map[string]int{"readings": 950, "late": 1, "minutes": 1, "findings": 1, "decisions": 1} {
		if counts[what] != want {
			t.Errorf("%d %s were handed over, want %d", counts[what], what, want)
		}
	}
	b.wantPosition(schemas.StreamReadings, series.Position{Seq: 1, Log: "log"})
}

// What cannot be handed over fails the append, which is then repeated.
func TestHandingOverFails(t *testing.T) {
	full := errors.New("the quarantine is full")
	b := newBench(t, nil)
	b.spoil(bucketRaw, measReadings, fieldHead)
	keep := b.store.o.Refuse
	b.store.o.Refuse = func(_ context.Context, _ Refused) error { return full }
	batch := inLog(1, wear(ann, chest, 1, 0, 10))
	batch.Readings[0].Items[3].Fields |= schemas.HasHead
	if _, err := b.store.Append(t.Context(), batch); !errors.Is(err, full) {
		t.Errorf("the error is %v, want %v", err, full)
	}
	b.wantPosition(schemas.StreamReadings, series.Position{})
	b.store.o.Refuse = keep
	if done := b.append(batch); done.Refused != 1 {
		t.Errorf("the append came to %+v, want one refused", done)
	}
	b.wantStored(9)
}

// Readings from before the bucket's retention are no fault of theirs: counted, and not
// handed over.
func TestExpired(t *testing.T) {
	day := 24 * time.Hour
	b := newBench(t, func(o *Options) {
		o.Retention = series.Retention{series.Raw: day, series.Rollups: day, series.Events: day, series.Office: day}
	})
	b.spoilNow(bucketRaw, measReadings, fieldHead)
	batch := inLog(1, wear(ann, chest, 1, 0, 500))
	now := time.Now().UnixMilli()
	for i := range batch.Readings[0].Items {
		item := &batch.Readings[0].Items[i]
		item.Time = now + int64(i)
		if i < 200 {
			item.Time -= (10 * day).Milliseconds()
		}
		if i == 100 || i == 300 {
			item.Fields |= schemas.HasHead
		}
	}
	if done := b.append(batch); done != (series.Appended{Expired: 200, Refused: 1}) {
		t.Errorf("the append came to %+v, want 200 expired and 1 refused", done)
	}
	if len(b.refused) != 1 || b.refused[0].Count != 1 {
		t.Errorf("handed over is %+v", b.refused)
	}
	b.wantStored(299)
}

// spoilNow is spoil at a time that retention lets through.
func (b *bench) spoilNow(in bucket, measurement, field string) {
	b.tb.Helper()
	p := newPoints()
	p.start(measurement)
	p.text(field, "spoilt")
	p.end(time.Now().UnixNano())
	if err := b.store.write(b.tb.Context(), in, p.bytes()); err != nil {
		b.tb.Fatal(err)
	}
}

// The cap holds over restarts: who is known goes on, who is new is refused.
func TestMaxSeries(t *testing.T) {
	b := newBench(t, func(o *Options) { o.MaxSeries = 3 })
	carol := schemas.MustID("carol")
	b.append(inLog(1, wear(ann, chest, 1, 0, 10), wear(bob, hip, 1, 0, 10)))
	minute := schemas.Rollup{Org: acme, Wearer: ann, Minute: monday.Unix() / 60, Sitting: 60}
	b.append(series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{minute}})
	for seq := range uint64(2) {
		done := b.append(inLog(2+seq, wear(ann, chest, 1, 10, 10), wear(carol, chest, 1, 0, 10), wear(ann, hip, 1, 0, 5)))
		if done != (series.Appended{Refused: 15}) {
			t.Errorf("the append came to %+v, want 15 refused", done)
		}
		minute.Wearer = bob
		done = b.append(series.Batch{Stream: schemas.StreamRollups, Seq: 2 + seq, Rollups: []schemas.Rollup{minute}})
		if done != (series.Appended{Refused: 1}) {
			t.Errorf("the append came to %+v, want 1 refused", done)
		}
		b.wantStored(30)
		b.again()
	}
	if r := b.refused[0]; r.Wearer != carol || r.Count != 10 || !strings.Contains(r.Detail, "MaxSeries") || len(b.refused) != 6 {
		t.Errorf("handed over is %+v and %d more", r, len(b.refused)-1)
	}
}
