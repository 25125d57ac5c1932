package influx

import (
	"sitwell/internal/series"
)

// A bucket of the store, by what stands behind its prefix.
type bucket string

// The buckets. Those of the contract's classes have their retention; state has none.
const (
	bucketRaw     = bucket(series.Raw)
	bucketRollups = bucket(series.Rollups)
	bucketEvents  = bucket(series.Events)
	bucketOffice  = bucket(series.Office)
	bucketState   = bucket("state")
)

func buckets() []bucket {
	return []bucket{bucketRaw, bucketRollups, bucketEvents, bucketOffice, bucketState}
}

// The measurements. DESIGN.md has the table of their tags, times and fields.
const (
	measReadings   = "readings"   // raw
	measEvents     = "events"     // raw
	measLate       = "late"       // raw
	measMinutes    = "minutes"    // rollups
	measFindings   = "findings"   // events
	measDecisions  = "decisions"  // events
	measAggregates = "aggregates" // office
	measPositions  = "positions"  // state
	measTombstones = "tombstones" // state
	measSalt       = "salt"       // state
	measJournal    = "journal"    // state
)

// The tags: pseudonyms and enumerations, nothing else.
const (
	tagOrg    = "org"
	tagWearer = "wearer"
	tagDevice = "device"
	tagRule   = "rule"
	tagAction = "action"
	tagGroup  = "group"
	tagWindow = "window"
	tagStream = "stream"
	tagKey    = "key"
)

// otherWord is the tag of a rule or an action that is no word of a few letters, as one
// of a damaged or a far newer log may be.
const otherWord = "other"

// The fields of readings, events and late marks. A reading has one for each number that
// it knows, in the units of schemas.Reading, and its place:
//
//	run      boot << 16 | schemas.Fields
//	seq_high the sequence in millions, left out for 0: the rest is in the point's time
//
// An overwritten point may have fields of the one before: those that Fields does not
// name count for nothing.
const (
	fieldRun     = "run"
	fieldSeqHigh = "seq_high"

	fieldPitch    = "pitch"   // of the trunk, tenths of a degree
	fieldRoll     = "roll"    // of the trunk, tenths of a degree
	fieldLumbar   = "lumbar"  // pitch, tenths of a degree
	fieldHead     = "head"    // pitch, tenths of a degree
	fieldAccX     = "acc_x"   // thousandths of g
	fieldAccY     = "acc_y"   //
	fieldAccZ     = "acc_z"   //
	fieldMotion   = "motion"  // thousandths of g
	fieldSittingS = "sitting" // seconds
	fieldSteps    = "steps"   //
	fieldBattery  = "battery" // per cent
	fieldQuality  = "quality" // per cent

	fieldType = "type" // of an event
	fieldBody = "body" // of an event, base64 of schemas.AppendItems; of a finding or decision, JSON

	fieldBoot  = "boot"  // of a late mark, which has all its place
	fieldFirst = "first" //
	fieldLast  = "last"  //
	fieldTo    = "to"    // milliseconds
)

// The fields of minutes: milliseconds, thousandths of a degree, thousandths of the load
// budget, and counts, all whole numbers.
const (
	fieldSitting    = "sitting"
	fieldStanding   = "standing"
	fieldMoving     = "moving"
	fieldNotWorn    = "not_worn"
	fieldUpright    = "upright"
	fieldSlouched   = "slouched"
	fieldFlexion    = "flexion"
	fieldFlexionSum = "flexion_s" // flexion times upright and slouched, so that sums are linear
	fieldBreaks     = "breaks"
	fieldFlexionP95 = "flexion_p95"
	fieldLeanLeft   = "lean_left"
	fieldLeanRight  = "lean_right"
	fieldBent       = "bent"
	fieldLoadPeak   = "load_peak"
	fieldShifts     = "shifts"
	fieldBout       = "bout"
)

// The fields of findings, beside body: what an episode is folded from. Those that say
// nothing have the zero of their type.
const (
	fieldEpisode  = "episode"
	fieldID       = "id"
	fieldTold     = "told"  // when, in milliseconds
	fieldEnded    = "ended" // in milliseconds, left out unless it closes the episode
	fieldLevel    = "level"
	fieldSeverity = "severity"
	fieldDegrees  = "flexion" // degrees, not rounded
	fieldCause    = "cause"
	fieldOutcome  = "outcome"
	fieldSeconds  = "seconds"
	fieldStep     = "step"
	fieldRuleText = "rule_text" // left out unless the tag is otherWord
)

// Of decisions, beside id and body, of positions, tombstones and the salt.
const (
	fieldLog    = "log"    // of a decision, the sequence it arrived with; of a position, its log
	fieldSeq    = "seq"    //
	fieldBefore = "before" // milliseconds
	fieldValue  = "value"  // hexadecimal
)

// Of aggregates, beside breaks and flexion.
const (
	fieldEnd          = "end"          // whole seconds
	fieldMade         = "made"         // whole seconds; every aggregate has it
	fieldSuppressed   = "suppressed"   // true or false
	fieldContributors = "contributors" // a text
	fieldSittingMin   = "sitting_min"  //
	fieldSlouchedPct  = "slouched_pct" //
)
