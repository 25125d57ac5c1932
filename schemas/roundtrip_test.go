package schemas_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

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
	// Flag 1<<13 before a count of one: a field this build would misread.
	if _, _, err := schemas.ReadItems([]byte{1, 0x80, 0x40, 0, 0, 0}, nil); err == nil {
		t.Error("an unknown field was read over")
	}
}

func TestFindingsAndDecisionsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9 <>&"'-]{0,40}`)
		f := schemas.Finding{
			Schema: schemas.SchemaFinding, ID: text.Draw(t, "id"), Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"),
			Device: genID().Draw(t, "device"), Rule: schemas.RuleSlouch, Step: schemas.Closed, Level: rapid.Int().Draw(t, "level"),
			Start: genTime().Draw(t, "start"), Time: genTime().Draw(t, "time"), End: genTime().Draw(t, "end"), Outcome: schemas.Moved,
			Seconds: rapid.Float64().Draw(t, "seconds"), FlexionDeg: rapid.Float64().Draw(t, "flexion"),
			Boot: rapid.Uint32().Draw(t, "boot"), Seq: rapid.Uint64Range(0, schemas.MaxSeq).Draw(t, "seq"),
		}
		f.Episode = schemas.EpisodeID(f.Org, f.Wearer, f.Rule, f.Start)
		got, err := schemas.DecodeFinding(encoded(t, &f))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, f)
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

func TestRollupsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Float32Range(0, 60)
		want := make([]schemas.Rollup, rapid.IntRange(0, 5).Draw(t, "count"))
		for i := range want {
			want[i] = schemas.Rollup{
				Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Minute: rapid.Int64().Draw(t, "minute"),
				Sitting: s.Draw(t, "sitting"), Standing: s.Draw(t, "standing"), Moving: s.Draw(t, "moving"), NotWorn: s.Draw(t, "not worn"),
				Upright: s.Draw(t, "upright"), Slouched: s.Draw(t, "slouched"), Flexion: rapid.Float32Range(-180, 180).Draw(t, "flexion"),
				Breaks: rapid.IntRange(0, math.MaxInt32).Draw(t, "breaks"),
			}
		}
		b, err := schemas.EncodeRollups(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := schemas.DecodeRollups(b)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
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

func TestEpisodeIDsAreAFormat(t *testing.T) {
	start := time.UnixMilli(1795176000000)
	if got := schemas.EpisodeID(acme, anna, schemas.RuleSlouch, start); got != "9275b58fdbd9afd8" {
		t.Errorf("the episode's name changed to %s: every finding in a log would count again", got)
	}
}
