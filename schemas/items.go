package schemas

import (
	"bytes"
	"fmt"
	"time"
)

// rawItem remembers an item until the envelope is known: "sent" may stand
// behind the readings.
type rawItem struct {
	item  Item
	fault *Refusal
	raw   []byte
	// What the item has: a seq, a time rather than age_ms, and what an event of
	// its type must have.
	hasSeq, timed, hasWorn, hasBattery bool
}

func (d *decoder) list() error {
	if kind := d.json.PeekKind(); kind != '[' {
		if err := d.skip(); err != nil {
			return err
		}
		return Refuse(WrongType, "the list of samples is %s, not an array", kind)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	for d.json.PeekKind() != ']' {
		if len(d.raws) == MaxSamples {
			return Refuse(TooManySamples, "more than %d samples in one message", MaxSamples)
		}
		d.raws = append(d.raws, rawItem{})
		if err := d.item(&d.raws[len(d.raws)-1]); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return d.syntax(err)
}

func (d *decoder) item(raw *rawItem) error {
	start := d.json.InputOffset()
	kind := d.json.PeekKind()
	var err error
	switch {
	case kind != '{':
		if err = d.skip(); err == nil {
			d.wrongType("sample", "an object", kind)
		}
	case d.events:
		raw.item.Event = &Event{}
		err = d.object(raw, (*decoder).eventField)
	default:
		raw.item.Fields = IsWorn
		err = d.object(raw, (*decoder).readingField)
	}
	if err != nil {
		return err
	}
	raw.fault, d.fault = d.fault, nil
	raw.raw = bytes.TrimLeft(d.payload[start:d.json.InputOffset()], ", \t\r\n")
	return nil
}

// settle decides each item now that the envelope is known.
func (d *decoder) settle(badSent *Refusal) {
	d.msg.Items = make([]Item, 0, len(d.raws))
	for i := range d.raws {
		raw := &d.raws[i]
		if raw.timed && raw.item.Time != 0 {
			raw.item.Time -= int64(d.msg.Ahead)
		}
		fault := d.judge(raw, badSent)
		if fault == nil {
			fault = d.order.Take(raw.item.Seq, raw.item.Time)
		}
		if fault != nil {
			d.msg.Rejects = append(d.msg.Rejects, Reject{Reason: fault.Reason, Detail: fault.Detail, Raw: raw.raw})
			continue
		}
		d.msg.Items = append(d.msg.Items, raw.item)
	}
}

func (d *decoder) judge(raw *rawItem, badSent *Refusal) *Refusal {
	item := &raw.item
	switch {
	case raw.fault != nil:
		return raw.fault
	case !raw.hasSeq:
		return Refuse(MissingField, "there is no seq")
	case item.Time == 0:
		return Refuse(MissingField, "seq %d has neither time nor age_ms", item.Seq)
	case raw.timed && badSent != nil:
		return badSent
	case raw.timed && d.msg.Sent == 0:
		return Refuse(MissingField, "seq %d has a time, but the message has no sent", item.Seq)
	case item.Time > d.received+MaxAhead.Milliseconds():
		return Refuse(TimeAhead, "seq %d lies %s ahead of its receipt; check the device's clock", item.Seq,
			about(item.Time-d.received))
	case item.Time < d.received-MaxAge.Milliseconds():
		return Refuse(BadTime, "seq %d is of %s, older than the %d days that are kept", item.Seq,
			item.At().Format(time.RFC3339), int(MaxAge.Hours()/24))
	case item.Event != nil:
		return raw.event()
	case !measured(item.Fields):
		return Refuse(MissingField, "seq %d has neither angles, acc_g, sitting nor sitting_s", item.Seq)
	}
	if !item.Fields.Has(HasTrunk) {
		item.TrunkRoll = 0 // says nothing without the pitch
	}
	return nil
}

// event checks an event and takes away what does not belong to its type.
func (raw *rawItem) event() *Refusal {
	e, seq := raw.item.Event, raw.item.Seq
	switch e.Type {
	case EventCalibrate:
		if e.Pose == "" {
			return Refuse(MissingField, "calibrate event seq %d has no pose, seated or standing", seq)
		}
		*e = Event{Type: e.Type, Pose: e.Pose, Upright: e.Upright}
	case EventWorn:
		if !raw.hasWorn {
			return Refuse(MissingField, "worn event seq %d does not say worn, true or false", seq)
		}
		*e = Event{Type: e.Type, Worn: e.Worn}
	case EventBattery:
		if !raw.hasBattery {
			return Refuse(MissingField, "battery event seq %d has no battery_pct", seq)
		}
		*e = Event{Type: e.Type, Battery: e.Battery}
	case EventSuddenMovement:
		*e = Event{Type: e.Type, PeakRate: e.PeakRate, Range: e.Range, Axis: e.Axis, Lasted: e.Lasted, PeakAcc: e.PeakAcc}
	case EventButton:
		*e = Event{Type: e.Type}
	default: // its word was checked, so it has none
		return Refuse(MissingField, "event seq %d has no type", seq)
	}
	return nil
}

// measured reports whether a reading says anything about its wearer. A device
// that lies on a desk may say just that.
func measured(f Fields) bool {
	return f&(HasTrunk|HasAcc|HasSitting|HasSittingS) != 0 || !f.Has(IsWorn)
}

// Order holds the span of sequence and time of what was taken so far of one run
// of a device. Of two places that contradict each other the first is taken. The
// times of all must be by the same clock.
type Order struct {
	some            bool
	lowest, highest uint64
	oldest, newest  int64 // milliseconds
}

// Take takes a place, at in milliseconds since 1970, or refuses it because time
// runs against the sequence by more than MaxAhead.
func (o *Order) Take(seq uint64, at int64) *Refusal {
	if !o.some {
		*o = Order{some: true, lowest: seq, highest: seq, oldest: at, newest: at}
		return nil
	}
	slack := MaxAhead.Milliseconds()
	switch {
	case seq > o.highest && at < o.newest-slack:
		return Refuse(SeqTimeDisagree, "seq %d follows seq %d but lies up to %s before it", seq, o.highest,
			about(o.newest-at))
	case seq < o.lowest && at > o.oldest+slack:
		return Refuse(SeqTimeDisagree, "seq %d precedes seq %d but lies up to %s after it", seq, o.lowest,
			about(at-o.oldest))
	}
	o.lowest, o.highest = min(o.lowest, seq), max(o.highest, seq)
	o.oldest, o.newest = min(o.oldest, at), max(o.newest, at)
	return nil
}

// about is a span of milliseconds for people.
func about(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d >= 5*time.Minute:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.0f seconds", d.Seconds())
}
