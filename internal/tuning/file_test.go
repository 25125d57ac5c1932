package tuning_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sitwell/detect"
	"sitwell/internal/tuning"
)

func TestParseRules(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"values of all kinds": {
			"# gentler\nslouch_deg: 18 # degrees\nslouch_nudge: 90s\nhydration: on\nload_nudge: 0.40\n\nbattery_low: \"2e1\"\nlean_for: '10m'\n",
			"map[battery_low:20 hydration:on lean_for:10m load_nudge:0.4 slouch_deg:18 slouch_nudge:1m30s]",
		},
		"one line":      {"slouch_deg: 18", "map[slouch_deg:18]"},
		"flow":          {"{slouch_deg: 18, hydration: off}", "map[hydration:off slouch_deg:18]"},
		"nothing":       {"", "map[]"},
		"comments":      {"# slouch_deg: 18\n", "map[]"},
		"windows":       {"slouch_deg: 18\r\nlean_deg: 12\r\n", "map[lean_deg:12 slouch_deg:18]"},
		"two documents": {"slouch_deg: 18\n---\nlean_deg: 12\n", "map[lean_deg:12 slouch_deg:18]"},
	} {
		got, err := tuning.ParseRules(strings.NewReader(c.text), "r.yml")
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestBadFilesAreRefusedWithTheLine(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		params bool // the error wraps detect.ErrParams
		says   []string
	}{
		"unknown key":                  {"slouch_deg: 18\nslouch_degrees: 18\n", true, []string{"r.yml: line 2", `"slouch_degrees"`, "slouch_deg"}},
		"out of bounds":                {"\n# x\nslouch_deg: 45\n", true, []string{"r.yml: line 3", "slouch_deg: 45", "12 to 30"}},
		"not a number":                 {"slouch_deg: much\n", true, []string{"line 1", `"much"`}},
		"not finite":                   {"slouch_deg: .nan\n", false, []string{"line 1", "single value"}},
		"NaN in words":                 {"slouch_deg: NaN\n", true, []string{"line 1", "NaN"}},
		"no unit":                      {"slouch_nudge: 90\n", true, []string{"line 1", `"90"`, "90s"}},
		"a truth":                      {"hydration: true\n", true, []string{"line 1", "on or off"}},
		"repeated key":                 {"slouch_deg: 18\nlean_deg: 12\nslouch_deg: 19\n", false, []string{"line 3", "slouch_deg", "line 1"}},
		"repeated in another document": {"slouch_deg: 18\n---\nslouch_deg: 18\n", false, []string{"line 3", "line 1"}},
		"a list":                       {"- slouch_deg\n", false, []string{"line 1", "key: value"}},
		"a text":                       {"just text\n", false, []string{"line 1", "key: value"}},
		"a nested value":               {"slouch_deg:\n  value: 18\n", false, []string{"line 1", "single value"}},
		"a list value":                 {"slouch_deg: [18]\n", false, []string{"line 1", "single value"}},
		"no value":                     {"slouch_deg:\n", false, []string{"line 1", "single value"}},
		"an anchor":                    {"slouch_deg: &a 18\nlean_deg: *a\n", false, []string{"line 1", "line 2", "single value"}},
		"a number as key":              {"15: 18\n", false, []string{"line 1", `"15"`}},
		"an open quote":                {"lean_deg: 12\nslouch_deg: \"18\n", false, []string{"r.yml: line 2"}},
		"bad indent":                   {"a: 1\n b: 2\n", false, []string{"r.yml: line"}},
		"all at once":                  {"x: 1\nslouch_deg: 99\ny: 2\n", true, []string{"line 1", "line 2", "line 3"}},
		"too long":                     {strings.Repeat("# much ado\n", 10000), false, []string{"r.yml", "65536"}},
	} {
		got, err := tuning.ParseRules(strings.NewReader(c.text), "r.yml")
		if err == nil || errors.Is(err, detect.ErrParams) != c.params {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if _, err := tuning.ParseRules(iotest.ErrReader(io.ErrUnexpectedEOF), "r.yml"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

func TestApplyChangesAllOrNothing(t *testing.T) {
	p := detect.Defaults()
	if err := tuning.Apply(p, map[string]string{"slouch_deg": "12", "upright_deg": "14"}); !errors.Is(err, detect.ErrParams) || *p != *detect.Defaults() {
		t.Errorf("%v: %+v", err, p)
	}
	if err := tuning.Apply(p, map[string]string{"slouch_deg": "18", "upright_deg": "14"}); err != nil || p.UprightDeg != 14 {
		t.Errorf("%v: %+v", err, p)
	}
}

func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{
		"slouch_deg: 18\nslouch_nudge: 90s\n", "hydration: on # x", "{a: 1}", "- a", "slouch_deg: &a 18\nb: *a", "? x\n: y", "!!int slouch_deg: 1",
		"<<: {slouch_deg: 18}", "slouch_deg: |\n  18\n", "\"slouch_deg\": '18'", "a: \"", "---\n---\n", "%YAML 1.2\n---\nx: 1", "\xff", "a: [{b: [",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := tuning.ParseRules(strings.NewReader(string(text)), "r.yml")
		if err != nil {
			if set != nil || !strings.HasPrefix(err.Error(), "r.yml: ") {
				t.Errorf("%v, %v", set, err)
			}
			return
		}
		// What it lets pass is in bounds, and written as parameters write themselves.
		p := detect.Defaults()
		for key, text := range set {
			if err := p.Set(key, text); err != nil || p.Get(key) != text {
				t.Errorf("%s: %s: %v", key, text, err)
			}
		}
	})
}
