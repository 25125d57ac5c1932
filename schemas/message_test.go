package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sitwell/schemas"
)

const (
	head = `{"schema":"sitwell.readings.v1","boot":7,"sent":"2026-11-20T12:00:00Z","readings":[`
	good = `{"seq":1,"time":"2026-11-20T11:59:59.5Z","trunk_pitch_deg":18.2,"trunk_roll_deg":-2}`
	tail = `]}`
)

// sample is a good reading, of seq 2, with some members more.
func sample(members string) string {
	return `{"seq":2,"time":"2026-11-20T11:59:59.7Z","sitting":true` + members + `}`
}

// at is a reading of seq 2 and a time.
func at(when time.Time) string {
	return `{"seq":2,"time":"` + when.Format(time.RFC3339Nano) + `","sitting":true}`
}

// object is a JSON object of n members.
func object(n int) string {
	var b strings.Builder
	for i := range n {
		_, _ = fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

// members are n more members of an object.
func members(n int) string { return "," + strings.Trim(object(n), "{}") }

// list is n good readings.
func list(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"seq":%d,"age_ms":0,"sitting":true}`, i)
	}
	return strings.Join(all, ",")
}

// deep is arrays in arrays, n of them.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// payloadRow is a payload and why all of it is refused, "" where it is taken.
type payloadRow struct {
	name, payload string
	want          schemas.Reason
}

// wholeRows are about payloads as a whole.
func wholeRows() []payloadRow {
	large := head + good + tail
	return []payloadRow{
		{"good", head + good + tail, ""},
		{"no readings at all", head + tail, ""},
		{"white space behind", head + good + tail + " \r\n\t", ""},
		{"empty", "", schemas.Empty},
		{"white space alone", " \n", schemas.NotJSON},
		{"text", "hello", schemas.NotJSON},
		{"byte order mark", "\ufeff" + head + good + tail, schemas.NotJSON},
		{"truncated", head + good, schemas.NotJSON},
		{"truncated in a text", head[:20], schemas.NotJSON},
		{"invalid UTF-8 in a text", head + sample(",\"note\":\"\xff\xfe\"") + tail, schemas.NotJSON},
		{"invalid UTF-8 in a name", head + sample(",\"\xff\":1") + tail, schemas.NotJSON},
		{"lone surrogate", head + sample(`,"note":"\ud800"`) + tail, schemas.NotJSON},
		{"NaN", head + sample(`,"trunk_pitch_deg":NaN`) + tail, schemas.NotJSON},
		{"Infinity", head + sample(`,"trunk_pitch_deg":Infinity`) + tail, schemas.NotJSON},
		{"minus Infinity", head + sample(`,"trunk_pitch_deg":-Infinity`) + tail, schemas.NotJSON},
		{"leading zero", head + sample(`,"steps":007`) + tail, schemas.NotJSON},
		{"comma behind the last", head + good + "," + tail, schemas.NotJSON},
		{"single quotes", strings.ReplaceAll(head+good+tail, `"`, `'`), schemas.NotJSON},
		{"comment", head + "/* */" + good + tail, schemas.NotJSON},
		{"NUL behind", head + good + tail + "\x00", schemas.TrailingData},
		{"second object behind", head + good + tail + "{}", schemas.TrailingData},
		{"bracket behind", head + good + tail + "]", schemas.TrailingData},
		{"array", "[]", schemas.WrongType},
		{"null", "null", schemas.WrongType},
		{"number", "12", schemas.WrongType},
		{"64 KiB exactly", large + strings.Repeat(" ", schemas.MaxPayload-len(large)), ""},
		{"over 64 KiB", large + strings.Repeat(" ", schemas.MaxPayload+1-len(large)), schemas.TooLarge},
		{"depth of 8 in the envelope", `{"x":` + deep(7) + `,` + head[1:] + tail, ""},
		{"depth of 9 in the envelope", `{"x":` + deep(8) + `,` + head[1:] + tail, schemas.TooDeep},
		{"depth of 8 in a reading", head + sample(`,"x":`+deep(5)) + tail, ""},
		{"depth of 9 in a reading", head + sample(`,"x":`+deep(6)) + tail, schemas.TooDeep},
		{"depth of 9 in place of an angle", head + sample(`,"trunk_pitch_deg":`+deep(6)) + tail, schemas.TooDeep},
		{"30,000 levels", head + sample(`,"x":`+deep(30000)) + tail, schemas.TooDeep},
		{"64 keys in a reading", head + sample(members(61)) + tail, ""},
		{"65 keys in a reading", head + sample(members(62)) + tail, schemas.TooManyKeys},
		{"64 keys in the envelope", head + "]" + members(60) + "}", ""},
		{"65 keys in the envelope", head + "]" + members(61) + "}", schemas.TooManyKeys},
		{"64 keys in an unknown object", head + sample(`,"x":`+object(64)) + tail, ""},
		{"65 keys in an unknown object", head + sample(`,"x":`+object(65)) + tail, schemas.TooManyKeys},
		{"64 keys in each of many", head + sample(`,"x":[`+object(64)+`,`+object(64)+`,{"y":`+object(64)+`}]`) + tail, ""},
		{"key twice in the envelope", `{"boot":7,` + head[1:] + tail, schemas.DuplicateKey},
		{"key twice in a reading", head + sample(`,"seq":3`) + tail, schemas.DuplicateKey},
		{"key twice by an escape", head + sample(`,"\u0073eq":3`) + tail, schemas.DuplicateKey},
		{"key twice in an unknown object", head + sample(`,"x":{"a":1,"a":1}`) + tail, schemas.DuplicateKey},
		{"unknown version", strings.Replace(head, "v1", "v2", 1) + tail, schemas.UnknownSchema},
		{"schema of events", strings.Replace(head, "readings.v1", "events.v1", 1) + tail, schemas.UnknownSchema},
		{"schema not a text", `{"schema":1,"boot":7,"readings":[]}`, schemas.WrongType},
		{"no schema", `{"boot":7,"readings":[]}`, schemas.MissingField},
		{"no boot", `{"schema":"sitwell.readings.v1","readings":[]}`, schemas.MissingField},
		{"no readings", `{"schema":"sitwell.readings.v1","boot":7}`, schemas.MissingField},
		{"readings not an array", `{"schema":"sitwell.readings.v1","boot":7,"readings":{}}`, schemas.WrongType},
		{"boot 2^32-1", strings.Replace(head, `"boot":7`, `"boot":4294967295`, 1) + tail, ""},
		{"boot 2^32", strings.Replace(head, `"boot":7`, `"boot":4294967296`, 1) + tail, schemas.BadSequence},
		{"boot -1", strings.Replace(head, `"boot":7`, `"boot":-1`, 1) + tail, schemas.BadSequence},
		{"boot 1.5", strings.Replace(head, `"boot":7`, `"boot":1.5`, 1) + tail, schemas.BadSequence},
		{"boot a text", strings.Replace(head, `"boot":7`, `"boot":"7"`, 1) + tail, schemas.WrongType},
		{"1,000 samples", head + list(1000) + tail, ""},
		{"1,001 samples", head + list(1001) + tail, schemas.TooManySamples},
	}
}

func TestDecodeRefusesPayloads(t *testing.T) {
	for _, c := range wholeRows() {
		t.Run(c.name, func(t *testing.T) {
			msg, err := schemas.Decode(schemas.KindReadings, []byte(c.payload), noon)
			if c.want == "" {
				if err != nil || len(msg.Rejects) != 0 {
					t.Fatalf("refused: %v, %v", err, msg)
				}
				return
			}
			if r := schemas.AsRefusal(err); r == nil || r.Reason != c.want || r.Detail == "" || len(r.Detail) > 300 {
				t.Fatalf("got %v, want %s", err, c.want)
			}
		})
	}
}

// itemRow is a reading and why it is refused, "" where it is taken.
type itemRow struct {
	name, json string
	want       schemas.Reason
}

// readingRows are about single readings beside a good one.
func readingRows() []itemRow {
	ms := time.Millisecond
	return []itemRow{
		{"good", sample(""), ""},
		{"unknown field", sample(`,"colour":{"deep":[1,2]}`), ""},
		{"field name of another case", sample(`,"Sitting":1`), ""},
		{"no seq", `{"time":"2026-11-20T11:59:59Z","sitting":true}`, schemas.MissingField},
		{"no time", `{"seq":2,"sitting":true}`, schemas.MissingField},
		{"nothing measured", `{"seq":2,"time":"2026-11-20T11:59:59Z","battery_pct":3}`, schemas.MissingField},
		{"roll without pitch", `{"seq":2,"time":"2026-11-20T11:59:59Z","trunk_roll_deg":3}`, schemas.MissingField},
		{"not worn says enough", `{"seq":2,"time":"2026-11-20T11:59:59Z","worn":false}`, ""},
		{"reading a number", `12`, schemas.WrongType},
		{"reading null", `null`, schemas.WrongType},
		{"reading an array", `[[1],{"a":[]}]`, schemas.WrongType},
		{"1e400", sample(`,"trunk_pitch_deg":1e400`), schemas.OutOfRange},
		{"angle 900", sample(`,"trunk_pitch_deg":900`), schemas.OutOfRange},
		{"angle 180", sample(`,"trunk_pitch_deg":180`), ""},
		{"angle 180.01", sample(`,"trunk_pitch_deg":180.01`), schemas.OutOfRange},
		{"angle -180", sample(`,"lumbar_pitch_deg":-180`), ""},
		{"angle -181", sample(`,"head_pitch_deg":-181`), schemas.OutOfRange},
		{"number as text", sample(`,"trunk_pitch_deg":"18.2"`), schemas.WrongType},
		{"number null", sample(`,"trunk_pitch_deg":null`), schemas.WrongType},
		{"truth as number", sample(`,"worn":1`), schemas.WrongType},
		{"seq as text", `{"seq":"2","age_ms":0,"sitting":true}`, schemas.WrongType},
		{"seq -1", `{"seq":-1,"age_ms":0,"sitting":true}`, schemas.BadSequence},
		{"seq 1.5", `{"seq":1.5,"age_ms":0,"sitting":true}`, schemas.BadSequence},
		{"seq 1e3", `{"seq":1e3,"age_ms":0,"sitting":true}`, schemas.BadSequence},
		{"seq 2^53-1", `{"seq":9007199254740991,"age_ms":0,"sitting":true}`, ""},
		{"seq 2^53", `{"seq":9007199254740992,"age_ms":0,"sitting":true}`, schemas.BadSequence},
		{"seq 2^80", `{"seq":1208925819614629174706176,"age_ms":0,"sitting":true}`, schemas.BadSequence},
		{"time 1970", at(time.Unix(0, 0).UTC()), schemas.BadTime},
		{"time 1970, some days on", at(time.Unix(864000, 0).UTC()), schemas.BadTime},
		{"time in 10 years", at(noon.AddDate(10, 0, 0)), schemas.TimeAhead},
		{"milliseconds for seconds", `{"seq":2,"time":"58857-11-20T11:59:59Z","sitting":true}`, schemas.BadTime},
		{"time as milliseconds", `{"seq":2,"time":1795176000000,"sitting":true}`, schemas.WrongType},
		{"time without a zone", `{"seq":2,"time":"2026-11-20T11:59:59","sitting":true}`, schemas.BadTime},
		{"time with a space", `{"seq":2,"time":"2026-11-20 11:59:59Z","sitting":true}`, schemas.BadTime},
		{"time of one digit", `{"seq":2,"time":"2026-11-20T1:59:59Z","sitting":true}`, schemas.BadTime},
		{"time of 30 February", `{"seq":2,"time":"2026-02-30T11:59:59Z","sitting":true}`, schemas.BadTime},
		{"time empty", `{"seq":2,"time":"","sitting":true}`, schemas.BadTime},
		{"time escaped", `{"seq":2,"time":"2026\u002d11-20T11:59:59Z","sitting":true}`, ""},
		{"time of another zone", `{"seq":2,"time":"2026-11-20T12:59:59+01:00","sitting":true}`, ""},
		{"time with a comma", `{"seq":2,"time":"2026-11-20T11:59:59,5Z","sitting":true}`, schemas.BadTime},
		{"2 min and 1 ms ahead", at(noon.Add(schemas.MaxAhead + ms)), schemas.TimeAhead},
		{"age 0", `{"seq":2,"age_ms":0,"sitting":true}`, ""},
		{"age -1", `{"seq":2,"age_ms":-1,"sitting":true}`, schemas.OutOfRange},
		{"age over 30 d", `{"seq":2,"age_ms":2592000001,"sitting":true}`, schemas.OutOfRange},
		{"age as text", `{"seq":2,"age_ms":"0","sitting":true}`, schemas.WrongType},
		{"acc_g", sample(`,"acc_g":[0.01,-0.98,16]`), ""},
		{"acc_g of two", sample(`,"acc_g":[0.01,-0.98]`), schemas.WrongType},
		{"acc_g of four", sample(`,"acc_g":[0,1,0,0]`), schemas.WrongType},
		{"acc_g of a text", sample(`,"acc_g":[0,"1",0]`), schemas.WrongType},
		{"acc_g in m/s2", sample(`,"acc_g":[0,19.6,0]`), schemas.OutOfRange},
		{"acc_g an object", sample(`,"acc_g":{"x":0}`), schemas.WrongType},
		{"motion below 0", sample(`,"motion_sd_g":-0.1`), schemas.OutOfRange},
		{"bout of a week", sample(`,"sitting_s":604801`), schemas.OutOfRange},
		{"steps 60,001", sample(`,"steps":60001`), schemas.OutOfRange},
		{"battery 101", sample(`,"battery_pct":101`), schemas.OutOfRange},
		{"quality -1", sample(`,"quality":-1`), schemas.OutOfRange},
		{"higher seq, earlier by 2 min", at(noon.Add(-schemas.MaxAhead - 500*ms)), ""},
		{"higher seq, earlier by over 2 min", at(noon.Add(-schemas.MaxAhead - 501*ms)), schemas.SeqTimeDisagree},
		{"lower seq, later by over 2 min", `{"seq":0,"time":"2026-11-20T12:01:59.501Z","sitting":true}`, schemas.SeqTimeDisagree},
	}
}

func TestDecodeRefusesSingleReadings(t *testing.T) {
	for _, c := range readingRows() {
		t.Run(c.name, func(t *testing.T) {
			payload := head + good + ", \n" + c.json + " ," + strings.Replace(good, `"seq":1`, `"seq":3`, 1) + tail
			msg, err := schemas.Decode(schemas.KindReadings, []byte(payload), noon)
			if err != nil {
				t.Fatalf("the whole payload was refused: %v", err)
			}
			if c.want == "" {
				if len(msg.Items) != 3 || len(msg.Rejects) != 0 {
					t.Fatalf("refused: %v", msg.Rejects)
				}
				return
			}
			if len(msg.Items) != 2 || msg.Items[0].Seq != 1 || msg.Items[1].Seq != 3 {
				t.Fatalf("the good ones beside it did not survive: %+v, %+v", msg.Items, msg.Rejects)
			}
			if r := msg.Rejects; len(r) != 1 || r[0].Reason != c.want || r[0].Detail == "" || string(r[0].Raw) != c.json {
				t.Fatalf("got %+v (%s), want %s", r, r[0].Raw, c.want)
			}
		})
	}
}

func TestTimesAreTakenFrom30DaysAgoTo2MinutesAhead(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  int
	}{
		{-schemas.MaxAge, 0}, {-schemas.MaxAge - time.Millisecond, 1}, {schemas.MaxAhead, 0}, {schemas.MaxAhead + time.Millisecond, 1},
	} {
		msg, err := schemas.Decode(schemas.KindReadings, []byte(head+at(noon.Add(c.after))+tail), noon)
		if err != nil || len(msg.Rejects) != c.want {
			t.Errorf("%v after its receipt: %v, %+v", c.after, err, msg)
		}
	}
}

// eventRows are the members of single events.
func eventRows() []itemRow {
	return []itemRow{
		{"worn", `"type":"worn","worn":true`, ""},
		{"worn without saying so", `"type":"worn"`, schemas.MissingField},
		{"button", `"type":"button"`, ""},
		{"sudden movement", `"type":"sudden_movement","peak_dps":300,"range_deg":40`, ""},
		{"sudden movement too fast", `"type":"sudden_movement","peak_dps":4001`, schemas.OutOfRange},
		{"sudden movement told in full", `"type":"sudden_movement","axis":"twist","duration_ms":60000,"peak_g":16`, ""},
		{"sudden movement of which nothing is said", `"type":"sudden_movement"`, ""},
		{"range over a turn", `"type":"sudden_movement","range_deg":361`, schemas.OutOfRange},
		{"duration over a minute", `"type":"sudden_movement","duration_ms":60001`, schemas.OutOfRange},
		{"duration not whole", `"type":"sudden_movement","duration_ms":1.5`, schemas.OutOfRange},
		{"duration a text", `"type":"sudden_movement","duration_ms":"5"`, schemas.WrongType},
		{"peak over 16 g", `"type":"sudden_movement","peak_g":16.1`, schemas.OutOfRange},
		{"peak below 0", `"type":"sudden_movement","peak_g":-1`, schemas.OutOfRange},
		{"unknown axis", `"type":"sudden_movement","axis":"roll"`, schemas.BadValue},
		{"axis a number", `"type":"sudden_movement","axis":1`, schemas.WrongType},
		{"axis of a button", `"type":"button","axis":"twist"`, ""},
		{"battery", `"type":"battery","battery_pct":12.6`, ""},
		{"battery without a charge", `"type":"battery"`, schemas.MissingField},
		{"calibrate", `"type":"calibrate","pose":"seated"`, ""},
		{"calibrate with a direction", `"type":"calibrate","pose":"standing","upright":[0,1,0]`, ""},
		{"calibrate without a pose", `"type":"calibrate"`, schemas.MissingField},
		{"calibrate lying", `"type":"calibrate","pose":"lying"`, schemas.BadValue},
		{"pose a number", `"type":"calibrate","pose":1`, schemas.WrongType},
		{"upright of two", `"type":"calibrate","pose":"seated","upright":[0,1]`, schemas.WrongType},
		{"no type", `"worn":true`, schemas.MissingField},
		{"empty type", `"type":""`, schemas.BadValue},
		{"unknown type", `"type":"dance"`, schemas.BadValue},
	}
}

func eventPayload(members string) string {
	return `{"schema":"sitwell.events.v1","boot":7,"events":[{"seq":1,"age_ms":0,` + members + `}]}`
}

func TestEventsAreChecked(t *testing.T) {
	for _, c := range eventRows() {
		t.Run(c.name, func(t *testing.T) {
			msg, err := schemas.Decode(schemas.KindEvents, []byte(eventPayload(c.json)), noon)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(msg.Items) == 1 && msg.Items[0].Event != nil:
			case c.want != "" && len(msg.Rejects) == 1 && msg.Rejects[0].Reason == c.want:
			default:
				t.Errorf("got %+v, want %q", msg, c.want)
			}
		})
	}
}

func TestStoredEventsAreShownAsADeviceSendsThem(t *testing.T) {
	for _, c := range []struct {
		event schemas.Event
		want  string
	}{
		{schemas.Event{Type: schemas.EventWorn}, `{"type":"worn","worn":false}`},
		{schemas.Event{Type: schemas.EventBattery}, `{"type":"battery","battery_pct":0}`},
		{schemas.Event{Type: schemas.EventButton}, `{"type":"button"}`},
		{schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{-12, 998, 40}}, `{"type":"calibrate","pose":"seated","upright":[-0.012,0.998,0.04]}`},
		{schemas.Event{Type: schemas.EventSuddenMovement}, `{"type":"sudden_movement"}`},
		{
			schemas.Event{Type: schemas.EventSuddenMovement, PeakRate: 210, Range: 35, Axis: schemas.Twist, Lasted: 240, PeakAcc: 1250},
			`{"type":"sudden_movement","axis":"twist","peak_dps":210,"range_deg":35,"duration_ms":240,"peak_g":1.25}`,
		},
		{schemas.Event{Type: "a newer\" one"}, `{"type":"a newer\" one"}`},
		{schemas.Event{Type: "\xff"}, "{\"type\":\"\ufffd\"}"},
	} {
		if b, err := json.Marshal(c.event); err != nil || string(b) != c.want {
			t.Errorf("got %s, %v, want %s", b, err, c.want)
		}
	}
}

func TestSentBelongsToTimes(t *testing.T) {
	const timed = `{"seq":1,"time":"2026-11-20T11:59:59Z","sitting":true}`
	const aged = `{"seq":2,"age_ms":500,"sitting":true}`
	for _, c := range []struct {
		name, sent string
		want       schemas.Reason
	}{
		{"none", ``, schemas.MissingField},
		{"no time", `"sent":"yesterday",`, schemas.BadTime},
		{"a number", `"sent":1795176000,`, schemas.WrongType},
		{"1970", `"sent":"1970-01-01T00:00:00Z",`, schemas.BadTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := `{"schema":"sitwell.readings.v1","boot":7,` + c.sent + `"readings":[` + timed + `,` + aged + `]}`
			msg, err := schemas.Decode(schemas.KindReadings, []byte(payload), noon)
			if err != nil {
				t.Fatal(err)
			}
			if len(msg.Rejects) != 1 || msg.Rejects[0].Reason != c.want {
				t.Errorf("rejects %+v, want one %s", msg.Rejects, c.want)
			}
			if len(msg.Items) != 1 || msg.Items[0].Time != noon.UnixMilli()-500 {
				t.Errorf("the reading with an age did not survive: %+v", msg.Items)
			}
		})
	}
}

func TestDecodeRoundsOnceAndCountsUnknownFields(t *testing.T) {
	payload := `{"readings":[{"seq":5,"time":"2026-11-20T11:59:59.5004999Z","trunk_pitch_deg":18.249,"trunk_roll_deg":-2.05,` +
		`"acc_g":[0.0004,0.9996,-0.0006],"motion_sd_g":0.0125,"sitting":false,"sitting_s":12.5,"worn":true,"steps":3,` +
		`"battery_pct":71.5,"quality":99,"lumbar_pitch_deg":1,"head_pitch_deg":-1,"new":1,"newer":{"a":[{}]}}],` +
		`"firmware":"1.2","sent":"2026-11-20T12:00:00Z","boot":7,"schema":"sitwell.readings.v1"}`
	msg, err := schemas.Decode(schemas.KindReadings, []byte(payload), noon)
	if err != nil || len(msg.Items) != 1 {
		t.Fatalf("%v, %+v", err, msg)
	}
	want := schemas.Reading{
		Seq: 5, Time: noon.UnixMilli() - 500, TrunkPitch: 182, TrunkRoll: -21, LumbarPitch: 10, HeadPitch: -10,
		Acc: [3]int16{0, 1000, -1}, Motion: 13, Steps: 3, SittingS: 13, Battery: 72, Quality: 99,
		Fields: schemas.HasTrunk | schemas.HasAcc | schemas.HasLumbar | schemas.HasHead | schemas.HasMotion | schemas.HasSitting |
			schemas.HasSittingS | schemas.IsWorn | schemas.HasSteps | schemas.HasBattery | schemas.HasQuality,
	}
	if msg.Items[0].Reading != want {
		t.Errorf("got  %+v\nwant %+v", msg.Items[0].Reading, want)
	}
	if msg.Unknown != 3 || msg.Boot != 7 || msg.Sent != noon.UnixMilli() {
		t.Errorf("unknown %d, boot %d, sent %d", msg.Unknown, msg.Boot, msg.Sent)
	}
}

func TestDecodeForgetsTheMessageBefore(t *testing.T) {
	bad := head + sample(`,"worn":1`) + "," + list(300) + tail
	if _, err := schemas.Decode(schemas.KindReadings, []byte(bad), noon); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		payload := []byte(head + good + tail)
		msg, err := schemas.Decode(schemas.KindReadings, payload, noon)
		if err != nil || len(msg.Items) != 1 || len(msg.Rejects) != 0 || msg.Unknown != 0 {
			t.Fatalf("%v, %+v", err, msg)
		}
		kept := msg.Items[0]
		clear(payload)
		if _, err := schemas.Decode(schemas.KindReadings, []byte(bad), noon); err != nil || !reflect.DeepEqual(kept, msg.Items[0]) {
			t.Fatalf("an item changed under its owner: %v", err)
		}
	}
}

func TestEnvelopeIsDecodableAgain(t *testing.T) {
	var all []string
	for _, c := range readingRows() {
		if c.want != "" {
			all = append(all, c.json)
		}
	}
	msg, err := schemas.Decode(schemas.KindReadings, []byte(head+good+","+strings.Join(all, " , ")+tail), noon)
	if err != nil || len(msg.Rejects) != len(all) {
		t.Fatalf("%v, %d of %d refused", err, len(msg.Rejects), len(all))
	}
	raws := make([][]byte, len(msg.Rejects))
	for i := range msg.Rejects {
		raws[i] = msg.Rejects[i].Raw
	}
	wrapped := schemas.Envelope(schemas.KindReadings, msg, raws)
	again, err := schemas.Decode(schemas.KindReadings, wrapped, noon)
	if err != nil || again.Boot != msg.Boot || again.Sent != msg.Sent || len(again.Rejects)+len(again.Items) != len(raws) {
		t.Fatalf("%v, %+v", err, again)
	}
	if again := schemas.Envelope(schemas.KindReadings, again, raws); !bytes.Equal(again, wrapped) {
		t.Errorf("the envelope changed: %s", again)
	}
}
