package schemas_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sitwell/schemas"
)

// badNames are texts that are no identifiers.
func badNames() []string {
	return []string{
		"", "a.b", "*", ">", "#", "+", " ", "a b", "a,b=c", `a\`, "a\r\n", "\n", "é", "ａ", "../x", "..", "a/b", strings.Repeat("a", 64),
		"A", "Dev", "$JS", "_a", "-a", "a\x00", "a\xff", "a'", `a"`, "%41", "a:b",
	}
}

func TestIdentifiers(t *testing.T) {
	for _, name := range badNames() {
		if _, err := schemas.ParseID(name); !errors.Is(err, schemas.ErrBadID) {
			t.Errorf("%q: %v", name, err)
		}
		var id schemas.ID
		if err := id.UnmarshalText([]byte(name)); err == nil && name != "" {
			t.Errorf("%q was taken as text", name)
		}
	}
	for _, name := range []string{"a", "0", "a_b-c", strings.Repeat("z", 63), "0-"} {
		if id, err := schemas.ParseID(name); err != nil || id.String() != name {
			t.Errorf("%q: %v, %v", name, id, err)
		}
	}
}

func TestTopics(t *testing.T) {
	for topic, want := range map[string]schemas.Reason{
		"sitwell/v1/acme/band-1/readings":    "",
		"sitwell/v1/acme/band-1/events":      "",
		"sitwell/v1/acme/band-1/status":      "",
		"sitwell/v1/acme/band-1/replies":     "",
		"sitwell/v1/acme/band-1/nudges":      "",
		"sitwell/v1/acme/band-1/readings/pb": schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/readings/":   schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/a/b/c/d":     schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/":            schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1/Readings":    schemas.UnsupportedTopic,
		"sitwell/v1/acme/band-1":             schemas.UnsupportedTopic,
		"sitwell/v1/acme":                    schemas.UnsupportedTopic,
		"sitwell/v1/":                        schemas.UnsupportedTopic,
		"sitwell/v1":                         schemas.UnsupportedTopic,
		"sitwell/v2/acme/band-1/readings":    schemas.UnsupportedTopic,
		"/sitwell/v1/acme/band-1/readings":   schemas.UnsupportedTopic,
		"":                                   schemas.UnsupportedTopic,
		"sitwell/v1/A.B/dev/readings":        schemas.BadIdentifier,
		"sitwell/v1//band-1/readings":        schemas.BadIdentifier,
		"sitwell/v1/acme//readings":          schemas.BadIdentifier,
	} {
		got, err := schemas.ParseTopic(topic)
		switch r := schemas.AsRefusal(err); {
		case want == "" && (err != nil || got.String() != topic):
			t.Errorf("%q: %v, %v", topic, got, err)
		case want != "" && (r == nil || r.Reason != want):
			t.Errorf("%q: %v, want %s", topic, err, want)
		}
	}
	for _, name := range badNames() {
		for _, topic := range []string{"sitwell/v1/" + name + "/band/readings", "sitwell/v1/acme/" + name + "/readings"} {
			if got, err := schemas.ParseTopic(topic); err == nil {
				t.Errorf("%q became %v", topic, got)
			}
		}
	}
}

// The hash is part of the log's format: these values must never change.
func TestPartitionsAreAFormat(t *testing.T) {
	for _, c := range []struct {
		org, wearer string
		count, want int
	}{
		{"acme", "anna", 64, 62}, {"acme", "anna", 8, 6}, {"acme", "ben", 64, 53}, {"a", "b", 64, 33}, {"acme", "w-000123", 64, 8}, {"acme", "anna", 1, 0},
	} {
		if got := schemas.Partition(schemas.MustID(c.org), schemas.MustID(c.wearer), c.count); got != c.want {
			t.Errorf("%s/%s of %d: %d, want %d", c.org, c.wearer, c.count, got, c.want)
		}
	}
}

func TestPartitionsSpread(t *testing.T) {
	const wearers, count = 10000, 64
	var have [count]int
	for i := range wearers {
		have[schemas.Partition(acme, schemas.MustID(fmt.Sprintf("w%d", i)), count)]++
	}
	for p, n := range have {
		if mean := wearers / count; n < mean/2 || n > mean*2 {
			t.Errorf("partition %d holds %d wearers of a mean of %d", p, n, mean)
		}
	}
}

func TestSubjectsNameTheirStream(t *testing.T) {
	for got, want := range map[string]string{
		schemas.ReadingsSubject(7):                       "readings.7",
		schemas.RollupsSubject(7):                        "rollups.7",
		schemas.FindingsSubject(acme, anna):              "findings.acme.anna",
		schemas.NudgesSubject(acme, anna):                "nudges.acme.anna",
		schemas.RepliesSubject(acme, anna):               "replies.acme.anna",
		schemas.QuarantineSubject(schemas.UnknownDevice): "quarantine.unknown_device",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
