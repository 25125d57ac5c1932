package schemas

import (
	"math"
	"time"
)

// Limits of one message; the sources are the bad-input table in DESIGN.md.
const (
	MaxPayload = 64 << 10 // bytes of one MQTT payload
	MaxSamples = 1000     // readings or events in one message
	MaxDepth   = 8        // levels of JSON
	MaxKeys    = 64       // keys of one JSON object
	MaxSeq     = 1<<53 - 1

	// MaxAhead is how far a reading's time may lie after its receipt.
	MaxAhead = 2 * time.Minute
	// MaxCorrected is how far a device's clock may be ahead to be corrected.
	MaxCorrected = 24 * time.Hour
	// MaxAge is how far it may lie before it: the retention of raw readings.
	MaxAge = 30 * 24 * time.Hour
)

// Fields says which of a Reading's fields are known, and holds its two truths.
type Fields uint16

// The fields of a reading.
const (
	HasTrunk    Fields = 1 << iota // TrunkPitch and TrunkRoll
	HasAcc                         // Acc
	HasLumbar                      // LumbarPitch
	HasHead                        // HeadPitch
	HasMotion                      // Motion
	HasSitting                     // IsSitting is known
	IsSitting                      // the wearer sits
	HasSittingS                    // SittingS
	IsWorn                         // the device is worn
	HasSteps                       // Steps
	HasBattery                     // Battery
	HasQuality                     // Quality
)

// Has reports whether every bit of want is set.
func (f Fields) Has(want Fields) bool { return f&want == want }

// Reading is one sample of a wearable, rounded as the log keeps it: time to
// 1 ms, angles to 0.1 degree, accelerations to 0.001 g. Every later part of
// sitwell sees exactly this. (device, boot, Seq) names it.
type Reading struct {
	Seq  uint64 // 0 to MaxSeq, counted by the device
	Time int64  // milliseconds since 1970, UTC, when it was measured

	// Angles are in tenths of a degree relative to the upright pose of the
	// wearer, forward and right positive.
	TrunkPitch, TrunkRoll, LumbarPitch, HeadPitch int16
	// Acc is the specific force in thousandths of g: x to the wearer's right,
	// y up, z to the back; upright and still reads (0, 1000, 0).
	Acc [3]int16
	// Motion is the standard deviation of the acceleration's magnitude since
	// the previous reading, in thousandths of g.
	Motion   uint16
	Steps    uint16 // steps since the previous reading
	SittingS uint32 // seconds in the present sitting bout, as the device counts it
	Battery  uint8  // percent
	Quality  uint8  // percent
	Fields   Fields
}

// At is the reading's time.
func (r *Reading) At() time.Time { return time.UnixMilli(r.Time).UTC() }

// EventType is what an event tells.
type EventType string

// The events a device may send.
const (
	EventWorn           EventType = "worn"            // put on or taken off
	EventButton         EventType = "button"          // the wearer pressed the button
	EventSuddenMovement EventType = "sudden_movement" // a fast twist or bend
	EventCalibrate      EventType = "calibrate"       // an upright pose
	EventBattery        EventType = "battery"         // the charge changed
)

// Pose is the posture a calibration stands for.
type Pose string

// The two poses: sitting is never judged on a standing one.
const (
	Seated   Pose = "seated"
	Standing Pose = "standing"
)

// Event is something that happened, in one sequence with the readings. In the
// log it is CBOR by these keys, of which a build ignores those it does not know;
// as JSON it is what a device sends.
type Event struct {
	Type EventType `cbor:"1,keyasint"`
	Pose Pose      `cbor:"2,keyasint,omitempty"`
	// Upright is the calibration's direction of gravity in thousandths of g;
	// nil takes the median of the next 10 s.
	Upright *[3]int16 `cbor:"3,keyasint,omitempty"`
	Worn    bool      `cbor:"4,keyasint,omitempty"`
	Battery uint8     `cbor:"5,keyasint,omitempty"` // percent

	// A sudden movement: PeakRate in degrees a second, Range in degrees, about which
	// axis, how long it lasted in milliseconds, and how far the acceleration was off
	// 1 g at most, in thousandths of g. What the device does not say is zero.
	PeakRate uint16 `cbor:"6,keyasint,omitempty"`
	Range    uint16 `cbor:"7,keyasint,omitempty"`
	Axis     Axis   `cbor:"8,keyasint,omitempty"`
	Lasted   uint16 `cbor:"9,keyasint,omitempty"`
	PeakAcc  uint16 `cbor:"10,keyasint,omitempty"`
}

// Axis is what a trunk turned about.
type Axis string

// The axes of a sudden movement.
const (
	Twist    Axis = "twist"    // about the vertical
	Sagittal Axis = "sagittal" // forward or backward
	Lateral  Axis = "lateral"  // to a side
)

// Item is one place in a device's sequence: a reading, or an event, of which
// then only Seq and Time of the Reading count.
type Item struct {
	Reading
	Event *Event
}

// Batch is a run of items of one device, worn by one wearer, in the order of arrival.
type Batch struct {
	Org, Wearer, Device ID
	Boot                uint32 // names the device's run since it was switched on
	Received            int64  // milliseconds since 1970, UTC, when ingest got it
	// Ahead is by how many milliseconds the device's clock was ahead. The items'
	// times are corrected already; what a clock said is a time plus Ahead.
	Ahead uint32
	Items []Item
}

// Tenths rounds degrees to tenths of a degree.
func Tenths(deg float64) int16 { return int16(math.Round(deg * 10)) }

// Thousandths rounds g to thousandths of g.
func Thousandths(g float64) int16 { return int16(math.Round(g * 1000)) }
