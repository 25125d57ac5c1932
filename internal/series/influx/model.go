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
