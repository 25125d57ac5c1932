package demo

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sitwell/schemas"
)

func TestLinesForPeopleAndPrograms(t *testing.T) {
	var text, program bytes.Buffer
	for _, c := range []*Console{NewConsole(&text, false, false), NewConsole(&program, true, true)} {
		c.Line("nudge", fields{"wearer": "wren"}, "nudge   %s: %q", "Wren", "Take a few steps.")
	}
	if line := text.String(); !strings.HasPrefix(line, "nudge   ") || !strings.HasSuffix(line, "  Wren: \"Take a few steps.\"\n") {
		t.Errorf("a person reads %q", line)
	}
	var event struct {
		Event, Wearer string
		Time          time.Time
	}
	if err := json.Unmarshal(program.Bytes(), &event); err != nil {
		t.Fatal(err)
	}
	if event.Event != "nudge" || event.Wearer != "wren" || event.Time.IsZero() {
		t.Errorf("a program reads %s", &program)
	}
}

func TestProgressIsABarOnlyOnATerminal(t *testing.T) {
	start := time.Date(2026, 11, 7, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ json, terminal, bar bool }{
		"terminal": {false, true, true}, "pipe": {false, false, false}, "json": {true, true, false},
	} {
		var out bytes.Buffer
		p := NewConsole(&out, c.json, c.terminal).Progress("history", start, start.Add(time.Hour))
		p.Add(1200, start.Add(30*time.Minute))
		p.Done()
		if got := strings.Contains(out.String(), "50%"); got != c.bar {
			t.Errorf("%s: %q", name, &out)
		}
	}
}

func TestEveryEndOfEveryRuleIsToldInWords(t *testing.T) {
	for _, rule := range schemas.Rules() {
		for _, o := range []schemas.Outcome{
			schemas.Recovered, schemas.Moved, schemas.Break, schemas.Stood, schemas.Unknown,
			schemas.Shifted, schemas.Momentary, schemas.Back, schemas.Charged, schemas.Calibrated, "of a newer build",
		} {
			if words := done(rule, o); words == "" {
				t.Errorf("a %s that ends with %q is told with no word", rule, o)
			}
		}
	}
	if words := done(schemas.RuleLoad, schemas.Recovered); words != "rested the back" {
		t.Errorf("a load that is over is told as %q", words)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 4147469: "4 147 469"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
