package schemas_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"sitwell/schemas"
)

// same fails where got is not want; no items and nil items are the same.
func same(t *rapid.T, got, want any) {
	t.Helper()
	if v := reflect.ValueOf(want); v.Kind() == reflect.Slice && v.Len() == 0 && reflect.ValueOf(got).Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatADevicePublishesDecodesToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]schemas.Kind{schemas.KindReadings, schemas.KindEvents}).Draw(t, "kind")
		items := rapid.SliceOfN(genItem(), 0, 20).Draw(t, "items")
		items = slices.DeleteFunc(items, func(i schemas.Item) bool { return (i.Event != nil) != (kind == schemas.KindEvents) })
		boot, sent := rapid.Uint32().Draw(t, "boot"), genTime().Draw(t, "sent")
		payload := schemas.AppendMessage(nil, kind, boot, sent, items)
		if !json.Valid(payload) {
			t.Fatalf("not JSON: %s", payload)
		}
		msg, err := schemas.Decode(kind, payload, noon)
		if err != nil || len(msg.Rejects) != 0 || msg.Unknown != 0 {
			t.Fatalf("%v, %+v: %s", err, msg, payload)
		}
		same(t, msg.Items, items)
		if msg.Boot != boot || msg.Sent != sent.UnixMilli() {
			t.Fatalf("boot %d, sent %d", msg.Boot, msg.Sent)
		}
	})
}

func TestRecordsComeBack(t *testing.T) {
	var reader schemas.RecordReader // one for all: it must forget the record before
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(genBatch(), 0, 5).Draw(t, "batches")
		record := schemas.NewRecord(nil)
		for i := range want {
			var err error
			if record, err = schemas.AppendBatch(record, &want[i]); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readRecord(&reader, record)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v, %d batches of %d", err, len(got), len(want))
		}
		for i := range want {
			same(t, got[i].Items, want[i].Items)
			got[i].Items, want[i].Items = nil, nil
			same(t, got[i], want[i])
		}
		// Whatever is cut off, the reader tells or stops between two batches.
		if cut, err := readRecord(&reader, record[:rapid.IntRange(1, len(record)).Draw(t, "cut")]); err == nil && len(cut) > len(want) {
			t.Fatalf("a cut record gave %d batches of %d", len(cut), len(want))
		}
	})
}

// readRecord reads all of a record into memory of its own.
func readRecord(reader *schemas.RecordReader, record []byte) ([]schemas.Batch, error) {
	if err := reader.Reset(record); err != nil {
		return nil, err
	}
	var all []schemas.Batch
	for {
		var b schemas.Batch
		more, err := reader.Next(&b)
		if err != nil || !more {
			return all, err
		}
		b.Items = slices.Clone(b.Items)
		all = append(all, b)
	}
}

func TestItemsComeBackWithWhatFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(genItem(), 0, 20).Draw(t, "items")
		follows := rapid.SliceOf(rapid.Byte()).Draw(t, "follows")
		b, err := schemas.AppendItems(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := schemas.ReadItems(append(b, follows...), nil)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		same(t, rest, follows)
	})
}

func TestRecordsRefuseWhatCannotBeReadBack(t *testing.T) {
	for name, b := range map[string]schemas.Batch{
		"no wearer":      {Org: acme, Device: band},
		"no device":      {Org: acme, Wearer: anna},
		"no org":         {Wearer: anna, Device: band},
		"unknown fields": {Org: acme, Wearer: anna, Device: band, Items: []schemas.Item{{Reading: schemas.Reading{Fields: 1 << 13}}}},
	} {
		if _, err := schemas.AppendBatch(schemas.NewRecord(nil), &b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	var reader schemas.RecordReader
	for name, record := range map[string][]byte{"empty": {}, "version 2": {2, 0}} {
		if err := reader.Reset(record); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A flag of a newer build may stand for a field or for another kind of item: what
// follows it cannot be known, so nothing is guessed.
func TestItemsOfANewerBuildAreRefused(t *testing.T) {
	const event = 1 << 15
	for name, flags := range map[string]uint64{
		"a field more":       1 << 12,
		"another field more": 1 << 14,
		"a kind of item":     1 << 16,
		"a kind of event":    event | 1,
		"everything":         math.MaxUint64,
	} {
		items := binary.AppendUvarint([]byte{1}, flags) // one item
		if _, _, err := schemas.ReadItems(append(items, 0, 0, 0), nil); !errors.Is(err, schemas.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, f := range []schemas.Fields{1 << 12, event} {
		if _, err := schemas.AppendItems(nil, []schemas.Item{{Reading: schemas.Reading{Fields: f}}}); err == nil {
			t.Errorf("fields %#x without an event were written", f)
		}
	}
}

// An event's CBOR is a map, so that an older build reads what it knows of a newer one's.
func TestUnknownPartsOfAStoredEventAreIgnored(t *testing.T) {
	newer, err := cbor.Marshal(map[int]any{1: "sudden_movement", 6: 300, 8: "twist", 99: "more"})
	if err != nil {
		t.Fatal(err)
	}
	record := append([]byte{1, 0x80, 0x80, 2, 0, 0, byte(len(newer))}, newer...)
	items, rest, err := schemas.ReadItems(record, nil)
	if err != nil || len(rest) != 0 || len(items) != 1 {
		t.Fatalf("%v, %+v", err, items)
	}
	want := schemas.Event{Type: schemas.EventSuddenMovement, PeakRate: 300, Axis: schemas.Twist}
	if *items[0].Event != want {
		t.Errorf("got %+v, want %+v", items[0].Event, want)
	}
}

func TestDecisionsAndNudgesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, text := genFinding().Draw(t, "finding"), genText()
		d := schemas.Decision{
			Schema: schemas.SchemaDecision, ID: f.ID, Nudge: f.ID + "-2", Episode: f.Episode, Org: f.Org, Wearer: f.Wearer, Device: f.Device,
			Rule: f.Rule, Level: f.Level, Time: f.Time, Decided: f.End, Action: schemas.ActionHeld, HeldBy: "snooze", Why: text.Draw(t, "why"),
			Seconds: f.Seconds,
		}
		back, err := schemas.DecodeDecision(encoded(t, &d))
		if err != nil {
			t.Fatal(err)
		}
		same(t, back, d)
		n := schemas.Nudge{Schema: schemas.SchemaNudge, ID: d.Nudge, Time: f.Time, Expires: f.End, Rule: f.Rule, Level: 2, Text: d.Why, Pattern: "short"}
		nudge, err := schemas.DecodeNudge(encoded(t, &n))
		if err != nil {
			t.Fatal(err)
		}
		same(t, nudge, n)
	})
}

func encoded(t *rapid.T, v interface{ Encode() ([]byte, error) }) []byte {
	t.Helper()
	b, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	other := []byte(`{"schema":"sitwell.other.v9"}`)
	_, finding := schemas.DecodeFinding(other)
	_, decision := schemas.DecodeDecision(other)
	_, nudge := schemas.DecodeNudge(other)
	_, answer := schemas.DecodeAnswer(other)
	_, reply := schemas.DecodeReply(other)
	_, status := schemas.DecodeStatus(other)
	for i, err := range []error{finding, decision, nudge, answer, reply, status} {
		if r := schemas.AsRefusal(err); r == nil || r.Reason != schemas.UnknownSchema {
			t.Errorf("decoder %d: %v", i, err)
		}
	}
}

func TestAnswersAndQuarantinedComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := schemas.Answer{
			Schema: schemas.SchemaAnswer, Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Device: genID().Draw(t, "device"),
			Received: genTime().Draw(t, "received"), Reply: schemas.Reply{
				Schema: schemas.SchemaReply, Action: schemas.ReplySnooze, NudgeID: genID().Draw(t, "nudge").String(),
				Minutes: rapid.SampledFrom([]int{10, 30, 60}).Draw(t, "minutes"),
			},
		}
		got, err := schemas.DecodeAnswer(encoded(t, &a))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, a)
		reply, err := schemas.DecodeReply(encoded(t, &a.Reply))
		if err != nil {
			t.Fatal(err)
		}
		same(t, reply, a.Reply)
		q := schemas.Quarantined{
			Reason: schemas.UnknownDevice, Detail: rapid.String().Draw(t, "detail"), Topic: rapid.String().Draw(t, "topic"),
			Received: a.Received, Readings: rapid.Int().Draw(t, "readings"), Truncated: rapid.Bool().Draw(t, "truncated"),
			Payload: rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "payload"),
		}
		back, err := schemas.DecodeQuarantined(encoded(t, q))
		if err != nil {
			t.Fatal(err)
		}
		same(t, back, q)
	})
}

func TestStatusComesBack(t *testing.T) {
	for _, want := range []schemas.Status{
		{Schema: schemas.SchemaStatus},
		{Schema: schemas.SchemaStatus, Online: true, Mount: "chest", Firmware: "1.2", Hertz: 50},
	} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := schemas.DecodeStatus(b); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}
