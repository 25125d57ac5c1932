package schemas_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"sitwell/schemas"
)

// Each target: no input makes a decoder panic, and what it takes encodes to
// something that it takes as the same.

func FuzzDecode(f *testing.F) {
	for _, row := range wholeRows() {
		if len(row.payload) < 4096 {
			f.Add([]byte(row.payload), false)
		}
	}
	for _, row := range readingRows() {
		f.Add([]byte(head+row.json+tail), false)
	}
	f.Add([]byte(`{"schema":"sitwell.events.v1","boot":7,"sent":"2026-11-20T12:00:00Z","events":[`+
		`{"seq":1,"age_ms":0,"type":"calibrate","pose":"seated","upright":[0,1,0]},{"seq":2,"age_ms":0,"type":"worn","worn":true},`+
		`{"seq":3,"age_ms":0,"type":"sudden_movement","axis":"twist","peak_dps":60,"range_deg":20,"duration_ms":250,"peak_g":0.4}]}`), true)
	f.Fuzz(func(t *testing.T, payload []byte, events bool) {
		kind := schemas.KindReadings
		if events {
			kind = schemas.KindEvents
		}
		msg, err := schemas.Decode(kind, payload, noon)
		if err != nil {
			if r := schemas.AsRefusal(err); r == nil || r.Reason == "" || len(r.Detail) > 500 {
				t.Fatalf("not a refusal of a sensible length: %v", err)
			}
			return
		}
		if n := len(msg.Items) + len(msg.Rejects); n > schemas.MaxSamples {
			t.Fatalf("%d samples", n)
		}
		for _, r := range msg.Rejects {
			if r.Reason == "" || len(r.Raw) == 0 || len(r.Detail) > 500 {
				t.Fatalf("reject %+v", r)
			}
		}
		sent := msg.Sent
		if sent == 0 {
			sent = noon.UnixMilli()
		}
		again := schemas.AppendMessage(nil, kind, msg.Boot, time.UnixMilli(sent), msg.Items)
		back, err := schemas.Decode(kind, again, noon)
		if len(again) > schemas.MaxPayload {
			return // ages became times, which are longer
		}
		if err != nil || len(back.Rejects) != 0 || len(back.Items) != len(msg.Items) {
			t.Fatalf("%v, %+v: %s", err, back, again)
		}
		for i := range msg.Items {
			if !reflect.DeepEqual(back.Items[i], msg.Items[i]) {
				t.Fatalf("got  %+v\nwant %+v", back.Items[i], msg.Items[i])
			}
		}
	})
}

func FuzzRecordReader(f *testing.F) {
	record, err := schemas.AppendBatch(schemas.NewRecord(nil), &schemas.Batch{Org: acme, Wearer: anna, Device: band, Boot: 7, Items: typical(2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record) // small, so that the fuzzer need not make it so
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, record []byte) {
		var reader schemas.RecordReader
		batches, err := readRecord(&reader, record)
		if err != nil {
			return
		}
		again := schemas.NewRecord(nil)
		for i := range batches {
			if again, err = schemas.AppendBatch(again, &batches[i]); err != nil {
				t.Fatal(err)
			}
		}
		back, err := readRecord(&reader, again)
		if err != nil || !reflect.DeepEqual(back, batches) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, back, batches)
		}
	})
}

func FuzzReadItems(f *testing.F) {
	b, err := schemas.AppendItems(nil, append(typical(3), schemas.Item{
		Reading: schemas.Reading{Seq: 1}, Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{0, 1000, 0}},
	}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		items, rest, err := schemas.ReadItems(b, nil)
		if err != nil {
			return
		}
		if len(rest) > len(b) {
			t.Fatal("more is left than there was")
		}
		again, err := schemas.AppendItems(nil, items)
		if err != nil {
			t.Fatal(err)
		}
		back, rest, err := schemas.ReadItems(again, nil)
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(back, items) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, back, items)
		}
	})
}

// decodesAgain holds a decoder to its promise: it refuses with a reason, and what
// it takes it takes again as it was.
func decodesAgain[T comparable](t *testing.T, b []byte, decode func([]byte) (T, error), encode func(*T) ([]byte, error)) {
	t.Helper()
	want, err := decode(b)
	if err != nil {
		if schemas.AsRefusal(err) == nil {
			t.Fatalf("not a refusal: %v", err)
		}
		return
	}
	again, err := encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(again); err != nil || got != want {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, row := range replyRows() {
		f.Add([]byte(row.json))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		decodesAgain(t, b, schemas.DecodeReply, (*schemas.Reply).Encode)
	})
}

func FuzzDecodeStatus(f *testing.F) {
	for _, row := range statusRows() {
		f.Add([]byte(row.json))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		decodesAgain(t, b, schemas.DecodeStatus, (*schemas.Status).Encode)
	})
}

// encodesAgain holds a decoder to its promise where NaN may not equal itself, or a
// time has several forms: what it took and wrote, it takes and writes again by the byte.
func encodesAgain[T any](t *testing.T, b []byte, decode func([]byte) (T, error), encode func(*T) ([]byte, error)) {
	t.Helper()
	v, err := decode(b)
	if err != nil {
		return
	}
	once, err := encode(&v)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = decode(once); err != nil {
		t.Fatalf("%v: %q", err, once)
	}
	if twice, err := encode(&v); err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%v: %q became %q", err, once, twice)
	}
}

func FuzzDecodeJudged(f *testing.F) {
	rollups := []schemas.Rollup{{Org: acme, Wearer: anna, Minute: 3, Sitting: 1.5, Breaks: 2, LoadPeak: 0.5}}
	judged := schemas.Judged{Rollups: rollups, Late: []schemas.Late{{Org: acme, Wearer: anna, Device: band, Boot: 7, First: 3, Last: 5}}}
	b, err := judged.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(version1(f, rollups))
	f.Fuzz(func(t *testing.T, b []byte) {
		encodesAgain(t, b, schemas.DecodeJudged, (*schemas.Judged).Encode)
	})
}

func FuzzDecodeFinding(f *testing.F) {
	receipt := schemas.Receipt{
		Engine: 2, RuleNumber: "R1", Version: 1, Parameters: "default", Limits: map[string]string{"slouch_nudge": "2m"},
		Values: map[string]float64{"flexion_deg": 21.3}, From: schemas.Place{Device: band, Boot: 7, Seq: 1, Time: noon},
		Zero: &schemas.Zero{Pose: schemas.Seated, Upright: [3]int16{0, 1000, 0}}, State: []byte{1, 2},
	}
	finding := schemas.Finding{Schema: schemas.SchemaFinding, Org: acme, Start: noon, Severity: schemas.Mild, Cause: schemas.Left, Receipt: &receipt}
	b, err := finding.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(older))
	f.Fuzz(func(t *testing.T, b []byte) {
		encodesAgain(t, b, schemas.DecodeFinding, (*schemas.Finding).Encode)
	})
}

func FuzzParseTopic(f *testing.F) {
	f.Add("sitwell/v1/acme/band-1/readings")
	for _, name := range badNames() {
		f.Add("sitwell/v1/" + name + "/band-1/readings")
	}
	f.Fuzz(func(t *testing.T, s string) {
		topic, err := schemas.ParseTopic(s)
		if err == nil && topic.String() != s {
			t.Fatalf("%q became %q", s, topic)
		}
		if err != nil && schemas.AsRefusal(err) == nil {
			t.Fatalf("not a refusal: %v", err)
		}
	})
}
