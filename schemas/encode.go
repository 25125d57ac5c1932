package schemas

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendMessage appends the JSON that a device publishes: all items must be
// readings, or all events, as kind says. Decode of the result gives the items back.
func AppendMessage(b []byte, kind Kind, boot uint32, sent time.Time, items []Item) []byte {
	b = appendEnvelope(b, kind, boot, sent.UnixMilli())
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"seq":`...)
		b = strconv.AppendUint(b, items[i].Seq, 10)
		b = append(b, `,"time":"`...)
		b = appendTime(b, items[i].Time)
		b = append(b, '"')
		if kind == KindEvents {
			b = appendEvent(b, items[i].Event)
		} else {
			b = appendReading(b, &items[i].Reading)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func appendReading(b []byte, r *Reading) []byte {
	f := r.Fields
	if f.Has(HasTrunk) {
		b = appendScaled(b, "trunk_pitch_deg", int64(r.TrunkPitch), 10)
		b = appendScaled(b, "trunk_roll_deg", int64(r.TrunkRoll), 10)
	}
	if f.Has(HasAcc) {
		b = appendVector(b, "acc_g", r.Acc)
	}
	if f.Has(HasLumbar) {
		b = appendScaled(b, "lumbar_pitch_deg", int64(r.LumbarPitch), 10)
	}
	if f.Has(HasHead) {
		b = appendScaled(b, "head_pitch_deg", int64(r.HeadPitch), 10)
	}
	if f.Has(HasMotion) {
		b = appendScaled(b, "motion_sd_g", int64(r.Motion), 1000)
	}
	if f.Has(HasSitting) {
		b = appendBool(b, "sitting", f.Has(IsSitting))
	}
	if f.Has(HasSittingS) {
		b = appendScaled(b, "sitting_s", int64(r.SittingS), 1)
	}
	if f.Has(HasSteps) {
		b = appendScaled(b, "steps", int64(r.Steps), 1)
	}
	if f.Has(HasBattery) {
		b = appendScaled(b, "battery_pct", int64(r.Battery), 1)
	}
	if f.Has(HasQuality) {
		b = appendScaled(b, "quality", int64(r.Quality), 1)
	}
	return appendBool(b, "worn", f.Has(IsWorn))
}

func appendEvent(b []byte, e *Event) []byte {
	b = appendText(b, "type", string(e.Type))
	switch e.Type {
	case EventCalibrate:
		b = appendText(b, "pose", string(e.Pose))
		if e.Upright != nil {
			b = appendVector(b, "upright", *e.Upright)
		}
	case EventWorn:
		b = appendBool(b, "worn", e.Worn)
	case EventBattery:
		b = appendScaled(b, "battery_pct", int64(e.Battery), 1)
	case EventSuddenMovement:
		b = appendMovement(b, e)
	case EventButton:
	}
	return b
}

// appendMovement leaves out what is zero, because it was not said.
func appendMovement(b []byte, e *Event) []byte {
	if e.Axis != "" {
		b = appendText(b, "axis", string(e.Axis))
	}
	if e.PeakRate != 0 {
		b = appendScaled(b, "peak_dps", int64(e.PeakRate), 1)
	}
	if e.Range != 0 {
		b = appendScaled(b, "range_deg", int64(e.Range), 1)
	}
	if e.Lasted != 0 {
		b = appendScaled(b, "duration_ms", int64(e.Lasted), 1)
	}
	if e.PeakAcc != 0 {
		b = appendScaled(b, "peak_g", int64(e.PeakAcc), 1000)
	}
	return b
}

// MarshalJSON is the event as a device sends it, without its place. Decode reads
// it as part of a message.
func (e Event) MarshalJSON() ([]byte, error) {
	b := appendEvent(nil, &e)
	b[0] = '{' // for the comma before the first member
	return append(b, '}'), nil
}

func appendKey(b []byte, key string) []byte {
	b = append(b, `,"`...)
	b = append(b, key...)
	return append(b, `":`...)
}

// appendText quotes, because an event in a damaged log may hold any text.
func appendText(b []byte, key, text string) []byte {
	b, _ = jsontext.AppendQuote(appendKey(b, key), text) // the error is of invalid UTF-8, which it replaces
	return b
}

func appendScaled(b []byte, key string, n, scale int64) []byte {
	return appendNumber(appendKey(b, key), n, scale)
}

func appendNumber(b []byte, n, scale int64) []byte {
	if scale == 1 {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, float64(n)/float64(scale), 'f', -1, 64)
}

func appendBool(b []byte, key string, v bool) []byte {
	return strconv.AppendBool(appendKey(b, key), v)
}

func appendVector(b []byte, key string, v [3]int16) []byte {
	b = append(appendKey(b, key), '[')
	for i, g := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, int64(g), 1000)
	}
	return append(b, ']')
}

func appendTime(b []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.999Z07:00")
}

// Envelope wraps the JSON of single readings or events of msg as a payload of
// its own, so that those refused can be driven through ingest again.
func Envelope(kind Kind, msg *Message, raws [][]byte) []byte {
	b := appendEnvelope(nil, kind, msg.Boot, msg.Sent)
	for i, raw := range raws {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, raw...)
	}
	return append(b, "]}"...)
}

// appendEnvelope appends everything before the first reading; sent is left out
// where it is zero.
func appendEnvelope(b []byte, kind Kind, boot uint32, sent int64) []byte {
	schema, list := SchemaReadings, "readings"
	if kind == KindEvents {
		schema, list = SchemaEvents, "events"
	}
	b = append(b, `{"schema":"`...)
	b = append(b, schema...)
	b = append(b, `","boot":`...)
	b = strconv.AppendUint(b, uint64(boot), 10)
	if sent != 0 {
		b = append(b, `,"sent":"`...)
		b = appendTime(b, sent)
		b = append(b, '"')
	}
	b = append(b, `,"`...)
	b = append(b, list...)
	return append(b, `":[`...)
}
