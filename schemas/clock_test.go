package schemas_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"sitwell/schemas"
)

// stamp is a time in JSON, after noon.
func stamp(after time.Duration) string { return noon.Add(after).UTC().Format(time.RFC3339) }

func TestTimesAreCorrectedByTheClock(t *testing.T) {
	const ahead = 10 * time.Minute
	asked := 0
	clock := func(boot uint32, sent int64) (uint32, error) {
		asked++
		if boot != 7 || sent != noon.Add(ahead).UnixMilli() {
			t.Errorf("asked of boot %d, sent %d", boot, sent)
		}
		return uint32(ahead.Milliseconds()), nil
	}
	msg, err := schemas.DecodeByClock(schemas.KindReadings, fmt.Appendf(nil,
		`{"schema":"sitwell.readings.v1","readings":[
		{"seq":1,"time":%q,"sitting":true},{"seq":2,"time":%q,"sitting":true},{"seq":3,"time":%q,"sitting":true},
		{"seq":4,"age_ms":1000,"sitting":true}],"boot":7,"sent":%q}`,
		stamp(ahead-time.Second), stamp(ahead), stamp(ahead+3*time.Minute), stamp(ahead)), noon, clock)
	if err != nil || asked != 1 {
		t.Fatalf("%v, the clock was asked %d times", err, asked)
	}
	if msg.Ahead != uint32(ahead.Milliseconds()) || msg.Sent != noon.Add(ahead).UnixMilli() {
		t.Errorf("ahead %d, sent %d", msg.Ahead, msg.Sent)
	}
	want := map[uint64]time.Time{1: noon.Add(-time.Second), 2: noon, 4: noon.Add(-time.Second)}
	if len(msg.Items) != len(want) {
		t.Errorf("%d items, want %d", len(msg.Items), len(want))
	}
	for i := range msg.Items {
		if item := &msg.Items[i]; !item.At().Equal(want[item.Seq]) {
			t.Errorf("seq %d is of %s, want %s", item.Seq, item.At(), want[item.Seq].UTC())
		}
	}
	if len(msg.Rejects) != 1 || msg.Rejects[0].Reason != schemas.TimeAhead {
		t.Errorf("rejects %+v, want the one that is ahead all the same", msg.Rejects)
	}
}

func TestTheClockIsAskedOfWholeMessagesWithASentAlone(t *testing.T) {
	for name, body := range map[string]string{
		"no sent":       `{"schema":"sitwell.readings.v1","boot":7,"readings":[{"seq":1,"age_ms":0,"sitting":true}]}`,
		"bad sent":      `{"schema":"sitwell.readings.v1","boot":7,"sent":"now","readings":[{"seq":1,"age_ms":0,"sitting":true}]}`,
		"trailing data": `{"schema":"sitwell.readings.v1","boot":7,"sent":"` + stamp(0) + `","readings":[]}{}`,
		"no boot":       `{"schema":"sitwell.readings.v1","sent":"` + stamp(0) + `","readings":[]}`,
	} {
		_, err := schemas.DecodeByClock(schemas.KindReadings, []byte(body), noon, func(uint32, int64) (uint32, error) {
			t.Errorf("%s: the clock was asked", name)
			return 0, nil
		})
		if err != nil && schemas.AsRefusal(err) == nil {
			t.Errorf("%s: %v is no refusal", name, err)
		}
	}
}

func TestAnErrorOfTheClockIsNoRefusal(t *testing.T) {
	broken := errors.New("the log is away")
	body := `{"schema":"sitwell.readings.v1","boot":7,"sent":"` + stamp(0) + `","readings":[]}`
	_, err := schemas.DecodeByClock(schemas.KindReadings, []byte(body), noon, func(uint32, int64) (uint32, error) { return 0, broken })
	if !errors.Is(err, broken) || schemas.AsRefusal(err) != nil {
		t.Errorf("%v", err)
	}
}

// A build from before clocks were corrected takes the lower 32 bits of the number
// as the boot, and everything else as it is.
func TestACorrectionIsPassedOverByOlderBuilds(t *testing.T) {
	acme := schemas.MustID("acme")
	const boot = 1<<32 - 2
	record, err := schemas.AppendBatch(schemas.NewRecord(nil), &schemas.Batch{
		Org: acme, Wearer: acme, Device: acme, Boot: boot, Received: 5, Ahead: 86_400_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	rest := record[1+3*(1+len("acme")):]
	number, n := binary.Uvarint(rest)
	if old := uint32(number); uint64(old) != boot || n <= 0 {
		t.Errorf("boot %d, want %d", old, uint32(boot))
	}
	if received, _ := binary.Varint(rest[n:]); received != 5 {
		t.Errorf("received %d", received)
	}
	plain, err := schemas.AppendBatch(schemas.NewRecord(nil), &schemas.Batch{Org: acme, Wearer: acme, Device: acme, Boot: boot, Received: 5})
	if err != nil || len(plain) >= len(record) {
		t.Errorf("%v, %d bytes without a correction, %d with it", err, len(plain), len(record))
	}
}

func TestOrderTakesTheFirstOfTwoThatContradict(t *testing.T) {
	type place struct {
		seq  uint64
		at   time.Duration
		want bool
	}
	for name, places := range map[string][]place{
		"in order":          {{1, 0, true}, {2, time.Second, true}, {3, time.Hour, true}},
		"out of order":      {{5, 0, true}, {3, -time.Second, true}, {4, -500 * time.Millisecond, true}, {1, -time.Hour, true}},
		"jumps back":        {{5, 0, true}, {6, -2*time.Minute - time.Millisecond, false}, {7, -2 * time.Minute, true}, {8, 0, true}},
		"lower, and later":  {{5, 0, true}, {4, 2*time.Minute + time.Millisecond, false}, {4, 2 * time.Minute, true}},
		"between, any time": {{1, 0, true}, {9, time.Hour, true}, {5, -time.Hour, true}, {6, 2 * time.Hour, true}},
	} {
		var order schemas.Order
		for _, p := range places {
			refusal := order.Take(p.seq, noon.Add(p.at).UnixMilli())
			if (refusal == nil) != p.want {
				t.Errorf("%s: seq %d at %s: %v", name, p.seq, p.at, refusal)
			}
			if refusal != nil && refusal.Reason != schemas.SeqTimeDisagree {
				t.Errorf("%s: seq %d: %v", name, p.seq, refusal)
			}
		}
	}
}
