package schemas

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Kind is the last part of a topic: what a message is.
type Kind string

// The kinds of messages between a device and sitwell.
const (
	KindReadings Kind = "readings" // up: posture readings
	KindEvents   Kind = "events"   // up: worn, button, sudden movement, calibrate, battery
	KindStatus   Kind = "status"   // up: birth and last will
	KindReplies  Kind = "replies"  // up: answers to nudges
	KindNudges   Kind = "nudges"   // down: break and stretch reminders
)

// TopicRoot begins each topic; the version changes when a topic's meaning does.
const TopicRoot = "sitwell/v1"

// Topic is a parsed MQTT topic, sitwell/v1/{org}/{device}/{kind}.
type Topic struct {
	Org, Device ID
	Kind        Kind
}

// String is the topic as it is published.
func (t Topic) String() string {
	return TopicRoot + "/" + t.Org.String() + "/" + t.Device.String() + "/" + string(t.Kind)
}

// ParseTopic takes a topic apart. The refusal names the part that is wrong.
func ParseTopic(s string) (Topic, error) {
	rest, ok := strings.CutPrefix(s, TopicRoot+"/")
	if !ok {
		return Topic{}, Refuse(UnsupportedTopic, "topic %q does not begin with %s/", clip(s, 80), TopicRoot)
	}
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) != 3 {
		return Topic{}, Refuse(UnsupportedTopic, "topic %q is not %s/{org}/{device}/{kind}", clip(s, 80), TopicRoot)
	}
	org, err := ParseID(parts[0])
	if err != nil {
		return Topic{}, Refuse(BadIdentifier, "organisation %v", err)
	}
	device, err := ParseID(parts[1])
	if err != nil {
		return Topic{}, Refuse(BadIdentifier, "device %v", err)
	}
	kind := Kind(parts[2])
	switch kind {
	case KindReadings, KindEvents, KindStatus, KindReplies, KindNudges:
		return Topic{Org: org, Device: device, Kind: kind}, nil
	default:
		return Topic{}, Refuse(UnsupportedTopic, "topic ends in %q, not readings, events, status or replies", clip(parts[2], 80))
	}
}

// Partition is the partition, 0 to count-1, that holds a wearer's readings: the
// 64-bit FNV-1a hash of "org/wearer" modulo count. It is part of the log's
// format: changing it would send a wearer's readings to another owner in the
// middle of an episode.
func Partition(org, wearer ID, count int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(org.s)) // a hash never fails
	_, _ = h.Write([]byte{'/'})
	_, _ = h.Write([]byte(wearer.s))
	return int(h.Sum64() % uint64(count)) //nolint:gosec // the remainder is below count
}

// The log's streams.
const (
	StreamReadings   = "READINGS"
	StreamFindings   = "FINDINGS"
	StreamRollups    = "ROLLUPS"
	StreamNudges     = "NUDGES"
	StreamReplies    = "REPLIES"
	StreamQuarantine = "QUARANTINE"
)

// ReadingsSubject is where one partition's packed readings go.
func ReadingsSubject(partition int) string { return fmt.Sprintf("readings.%d", partition) }

// RollupsSubject is where one partition's packed minute rollups go.
func RollupsSubject(partition int) string { return fmt.Sprintf("rollups.%d", partition) }

// FindingsSubject is where a wearer's findings go.
func FindingsSubject(org, wearer ID) string { return "findings." + org.s + "." + wearer.s }

// NudgesSubject is where the decisions about a wearer's nudges go.
func NudgesSubject(org, wearer ID) string { return "nudges." + org.s + "." + wearer.s }

// RepliesSubject is where a wearer's answers go.
func RepliesSubject(org, wearer ID) string { return "replies." + org.s + "." + wearer.s }

// QuarantineSubject is where refused input goes, by its reason.
func QuarantineSubject(reason Reason) string { return "quarantine." + string(reason) }
