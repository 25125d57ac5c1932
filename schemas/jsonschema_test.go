package schemas_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"sitwell/schemas"
)

// compile reads one of the published JSON Schemas.
func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid reports whether a schema takes a payload; json is whether it is JSON at all.
func valid(s *jsonschema.Schema, payload []byte) (ok, json bool) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return false, false
	}
	return s.Validate(v) == nil, true
}

func TestEachSchemaCompiles(t *testing.T) {
	files, err := filepath.Glob("*.schema.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		compile(t, strings.TrimSuffix(f, ".schema.json"))
	}
}

// beyond are the reasons that a JSON Schema cannot express: they lie below JSON
// values, or compare one with another or with the receipt.
func beyond(r schemas.Reason) bool {
	return slices.Contains([]schemas.Reason{
		schemas.Empty, schemas.TooLarge, schemas.NotJSON, schemas.TrailingData, schemas.DuplicateKey, schemas.TooDeep,
		schemas.TimeAhead, schemas.SeqTimeDisagree,
	}, r)
}

// exempt are rows on which the decoder and a schema differ on purpose, with why.
func exempt() map[string]string {
	return map[string]string{
		"65 keys in an unknown object": "schemas say nothing about unknown members",
		"time 1970":                    "old times are a matter of the receipt",
		"time 1970, some days on":      "old times are a matter of the receipt",
		"seq 1e3":                      "for a schema 1e3 is the integer 1000",
	}
}

func checkRow(t *testing.T, s *jsonschema.Schema, name string, payload []byte, want schemas.Reason) {
	t.Helper()
	ok, json := valid(s, payload)
	switch _, skip := exempt()[name]; {
	case want == "" && !ok:
		t.Errorf("%s: the schema refuses what Decode takes", name)
	case skip && !ok:
		t.Errorf("%s: exempt without need", name)
	case want != "" && json && ok && !beyond(want) && !skip:
		t.Errorf("%s: the schema takes what Decode refuses as %s", name, want)
	}
}

func TestTheSchemasAndTheDecodersAgree(t *testing.T) {
	readings, reply, status := compile(t, "readings"), compile(t, "reply"), compile(t, "status")
	for _, row := range wholeRows() {
		checkRow(t, readings, row.name, []byte(row.payload), row.want)
	}
	for _, row := range readingRows() {
		checkRow(t, readings, row.name, []byte(head+row.json+tail), row.want)
	}
	for _, row := range replyRows() {
		checkRow(t, reply, row.name, []byte(row.json), row.want)
	}
	for _, row := range statusRows() {
		checkRow(t, status, row.name, []byte(row.json), row.want)
	}
	events := compile(t, "events")
	for _, row := range eventRows() {
		checkRow(t, events, row.name, []byte(eventPayload(row.json)), row.want)
	}
}

func TestWhatIsPublishedIsValid(t *testing.T) {
	readings, events, nudges := compile(t, "readings"), compile(t, "events"), compile(t, "nudge")
	rapid.Check(t, func(t *rapid.T) {
		item := genItem().Draw(t, "item")
		s, kind := readings, schemas.KindReadings
		if item.Event != nil {
			s, kind = events, schemas.KindEvents
		}
		payload := schemas.AppendMessage(nil, kind, rapid.Uint32().Draw(t, "boot"), noon, []schemas.Item{item})
		if ok, _ := valid(s, payload); !ok {
			t.Fatalf("not valid: %s", payload)
		}
	})
	n := schemas.Nudge{
		Schema: schemas.SchemaNudge, ID: "9275b58fdbd9afd8-2", Time: noon, Expires: noon.Add(2 * time.Minute), Rule: schemas.RuleSlouch,
		Level: 2, Text: "Sit up.", Reason: "leaning or slouching for 3 minutes", Pattern: "short",
	}
	b, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := valid(nudges, b); !ok {
		t.Errorf("not valid: %s", b)
	}
	if ok, _ := valid(nudges, []byte(`{"schema":"sitwell.nudge.v1"}`)); ok {
		t.Error("an empty nudge is valid")
	}
}
