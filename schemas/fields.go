package schemas

import "math"

// The physical ranges of a reading's numbers.
const (
	maxAngle   = 180     // degrees
	maxAcc     = 16      // g: the usual full scale of a wearable's accelerometer
	maxBout    = 7 * 864 // hundreds of seconds: no sitting bout lasts a week
	maxSteps   = 60000
	maxAgeMS   = 30 * 24 * 3600 * 1000
	maxPercent = 100

	// Of a sudden movement.
	maxRate   = 4000  // degrees a second: over the full scale of a wearable's gyroscope
	maxRange  = 360   // degrees
	maxLasted = 60000 // milliseconds: what lasts a minute is not sudden
)

// readingField reads one member of a reading.
func (d *decoder) readingField(raw *rawItem, name string) error {
	r := &raw.item.Reading
	var err error
	var n uint64
	var truth bool
	switch name {
	case "trunk_pitch_deg":
		r.TrunkPitch, err = d.angle(name)
		r.Fields |= HasTrunk
	case "trunk_roll_deg":
		r.TrunkRoll, err = d.angle(name)
	case "lumbar_pitch_deg":
		r.LumbarPitch, err = d.angle(name)
		r.Fields |= HasLumbar
	case "head_pitch_deg":
		r.HeadPitch, err = d.angle(name)
		r.Fields |= HasHead
	case "acc_g":
		r.Acc, err = d.vector(name)
		r.Fields |= HasAcc
	case "motion_sd_g":
		var g float64
		g, err = d.number(name, 0, maxAcc)
		r.Motion = uint16(math.Round(g * 1000))
		r.Fields |= HasMotion
	case "sitting":
		truth, err = d.bool(name)
		r.Fields |= HasSitting
		r.Fields = set(r.Fields, IsSitting, truth)
	case "sitting_s":
		var s float64
		s, err = d.number(name, 0, maxBout*100)
		r.SittingS = uint32(math.Round(s))
		r.Fields |= HasSittingS
	case "worn":
		truth, err = d.bool(name)
		r.Fields = set(r.Fields, IsWorn, truth)
	case "steps":
		n, err = d.uint(name, maxSteps, OutOfRange)
		r.Steps = uint16(n) //nolint:gosec // bounded by the line above
		r.Fields |= HasSteps
	case "battery_pct":
		r.Battery, err = d.percent(name)
		r.Fields |= HasBattery
	case "quality":
		r.Quality, err = d.percent(name)
		r.Fields |= HasQuality
	default:
		return d.placeField(raw, name)
	}
	return err
}

// eventField reads one member of an event.
func (d *decoder) eventField(raw *rawItem, name string) error {
	e := raw.item.Event
	var err error
	var n uint64
	switch name {
	case "type":
		err = d.eventType(e)
	case "pose":
		err = d.pose(e)
	case "upright":
		var v [3]int16
		v, err = d.vector(name)
		e.Upright = &v
	case "worn":
		e.Worn, err = d.bool(name)
		raw.hasWorn = true
	case "battery_pct":
		e.Battery, err = d.percent(name)
		raw.hasBattery = true
	case "peak_dps":
		n, err = d.uint(name, maxRate, OutOfRange)
		e.PeakRate = uint16(n) //nolint:gosec // bounded by the line above
	case "range_deg":
		n, err = d.uint(name, maxRange, OutOfRange)
		e.Range = uint16(n) //nolint:gosec // bounded by the line above
	case "axis":
		err = d.axis(e)
	case "duration_ms":
		n, err = d.uint(name, maxLasted, OutOfRange)
		e.Lasted = uint16(n) //nolint:gosec // bounded by the line above
	case "peak_g":
		var g float64
		g, err = d.number(name, 0, maxAcc)
		e.PeakAcc = uint16(math.Round(g * 1000))
	default:
		return d.placeField(raw, name)
	}
	return err
}

func (d *decoder) eventType(e *Event) error {
	s, err := d.word("type")
	if err != nil || d.fault != nil {
		return err
	}
	e.Type = EventType(s)
	switch e.Type {
	case EventWorn, EventButton, EventSuddenMovement, EventCalibrate, EventBattery:
	default:
		d.setFault(BadValue, "type is %q, not worn, button, sudden_movement, calibrate or battery", clip(string(s), 40))
	}
	return nil
}

func (d *decoder) pose(e *Event) error {
	s, err := d.word("pose")
	if err != nil || d.fault != nil {
		return err
	}
	if e.Pose = Pose(s); e.Pose != Seated && e.Pose != Standing {
		d.setFault(BadValue, "pose is %q, not seated or standing", clip(string(s), 40))
	}
	return nil
}

func (d *decoder) axis(e *Event) error {
	s, err := d.word("axis")
	if err != nil || d.fault != nil {
		return err
	}
	if e.Axis = Axis(s); e.Axis != Twist && e.Axis != Sagittal && e.Axis != Lateral {
		d.setFault(BadValue, "axis is %q, not twist, sagittal or lateral", clip(string(s), 40))
	}
	return nil
}

// placeField reads what readings and events share: their place in sequence and time.
func (d *decoder) placeField(raw *rawItem, name string) error {
	var err error
	var n uint64
	switch name {
	case "seq":
		raw.item.Seq, err = d.uint(name, MaxSeq, BadSequence)
		raw.hasSeq = true
	case "time":
		raw.item.Time, err = d.time(name)
		raw.timed = true
	case "age_ms":
		n, err = d.uint(name, maxAgeMS, OutOfRange)
		if !raw.timed {
			raw.item.Time = d.received - int64(n) //nolint:gosec // bounded by the line above
		}
	default:
		d.msg.Unknown++
		return d.skip()
	}
	return err
}

func (d *decoder) angle(name string) (int16, error) {
	deg, err := d.number(name, -maxAngle, maxAngle)
	return Tenths(deg), err
}

func (d *decoder) percent(name string) (uint8, error) {
	n, err := d.number(name, 0, maxPercent)
	return uint8(math.Round(n)), err
}

// vector reads [x, y, z] in g.
func (d *decoder) vector(name string) ([3]int16, error) {
	var v [3]int16
	if kind := d.json.PeekKind(); kind != '[' {
		if err := d.skip(); err != nil {
			return v, err
		}
		d.wrongType(name, "an array of three numbers", kind)
		return v, nil
	}
	if _, err := d.json.ReadToken(); err != nil {
		return v, d.syntax(err)
	}
	n := 0
	for ; d.json.PeekKind() != ']'; n++ {
		g, err := d.number(name, -maxAcc, maxAcc)
		if err != nil {
			return v, err
		}
		if n < len(v) {
			v[n] = Thousandths(g)
		}
	}
	if n != len(v) {
		d.setFault(WrongType, "%s has %d numbers, not 3", name, n)
	}
	_, err := d.json.ReadToken()
	return v, d.syntax(err)
}

func set(f, bit Fields, on bool) Fields {
	if on {
		return f | bit
	}
	return f &^ bit
}
