package cli_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sitwell/detect"
	"sitwell/internal/broker/brokertest"
)

func TestRulesListNeedsNoSitwell(t *testing.T) {
	code, out, _ := run(t, "rules", "list")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, want := range []string{"slouch_deg", "sitting_break", "30m", "2h", "on or off|off  +on", "degrees", "forward flexion"} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "m0s") {
		t.Errorf("durations with zeros in\n%s", out)
	}
	code, out, _ = run(t, "rules", "list", "--json")
	var all []detect.Tunable
	if err := json.Unmarshal([]byte(out), &all); code != 0 || err != nil || len(all) != len(detect.Tunables()) || all[0].Doc == "" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

// world is a running sitwell with an organisation, and a way to talk to it.
func world(t *testing.T) func(args ...string) (code int, out, errOut string) {
	t.Helper()
	b, _ := brokertest.Start(t)
	say := func(args ...string) (int, string, string) {
		t.Helper()
		return run(t, append(args, "--nats", b.NATS())...)
	}
	for _, args := range []string{
		"org add acme", "org add hydration", "team add acme dev",
		"wearer add acme anna --team dev", "wearer add acme ben",
	} {
		if code, _, errOut := say(strings.Fields(args)...); code != 0 {
			t.Fatalf("%v: %s", args, errOut)
		}
	}
	return say
}

func TestRulesChangeAtRunTime(t *testing.T) {
	say := world(t)
	for _, c := range []struct{ args, want string }{
		{"rules history acme", "nothing was ever set for organisation acme"},
		{"rules show", "version default, for the whole installation"},
		{"rules set slouch_nudge=90s", `revision 1, slouch_nudge=1m30s\ncounts for readings from \d\d:\d\d:\d\d \S+ on, in 2 minutes 1[01] seconds, so that nothing judged so far changes`},
		{"rules set acme slouch_deg=18 lean_deg=12", "organisation acme: revision 1, lean_deg=12 slouch_deg=18"},
		{"rules set acme --team dev hydration=on", "team dev of acme: revision 1, hydration=on"},
		{"rules set acme --wearer anna slouch_deg=20 --by ops", "wearer anna of acme: revision 1, slouch_deg=20"},
		{"rules set acme --wearer anna slouch_deg=20", "nothing changes"},
		{"rules set acme lean_deg=default", "revision 2, slouch_deg=18"},
		{"rules show acme anna", `slouch_deg +15 +default(?s:.*)version default, for wearer anna of acme\nfrom .* on: slouch_nudge=1m30s for the whole installation\nfrom .*\nfrom .*\nfrom .* on: hydration=on for team dev of acme\nfrom .* on: slouch_deg=20 for wearer anna of acme`},
		{"rules history acme --wearer anna", "1 .* ops +slouch_deg=20"},
		{"rules reset acme --wearer anna", "revision 2, nothing of its own"},
		{"rules reset acme slouch_deg", "revision 3, nothing of its own"},
		{"rules reset slouch_nudge", "the whole installation: revision 2"},
		{"rules set hydration hydration=on", "organisation hydration: revision 1"},
		{"rules reset hydration", "organisation hydration: revision 2"},
	} {
		code, out, errOut := say(strings.Fields(c.args)...)
		if c.args == "rules reset hydration" { // it may be either
			if code != 2 || !strings.Contains(errOut, "rules set hydration=default") {
				t.Errorf("%s: exit %d, %s", c.args, code, errOut)
			}
			continue
		}
		if code != 0 || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("%s: exit %d, %s%s\nwant %s", c.args, code, out, errOut, c.want)
		}
	}
}

func TestRulesAsJSON(t *testing.T) {
	say := world(t)
	var changed struct {
		Scope   map[string]string `json:"scope"`
		Changed bool              `json:"changed"`
		Number  int               `json:"number"`
		Set     map[string]string `json:"set"`
		From    string            `json:"from"`
	}
	var shown struct {
		Version string `json:"version"`
		Values  []struct{ Key, Value string }
		Later   []struct {
			Number int
			Scope  map[string]string
		}
	}
	var history []struct {
		Number   int
		Set      map[string]string
		At, From string
	}
	for _, c := range []struct {
		args string
		into any
	}{
		{"rules set acme --wearer anna slouch_deg=20 --json", &changed},
		{"rules show acme anna --json", &shown},
		{"rules history acme --wearer anna --json", &history},
	} {
		code, out, errOut := say(strings.Fields(c.args)...)
		if err := json.Unmarshal([]byte(out), c.into); code != 0 || err != nil {
			t.Errorf("%s: exit %d, %v: %s%s", c.args, code, err, out, errOut)
		}
	}
	if fmt.Sprint(changed.Scope) != "map[org:acme wearer:anna]" || !changed.Changed || changed.Number != 1 || changed.From == "" {
		t.Errorf("set says %+v", changed)
	}
	if shown.Version != "default" || len(shown.Values) != len(detect.Tunables()) || len(shown.Later) != 1 || shown.Later[0].Number != 1 {
		t.Errorf("show says %+v", shown)
	}
	if len(history) != 1 || history[0].Set["slouch_deg"] != "20" || history[0].From != changed.From {
		t.Errorf("history says %+v", history)
	}
	if code, out, _ := say("rules", "history", "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("an empty history: exit %d, %s", code, out)
	}
}

func TestWrongRulesAreRefused(t *testing.T) {
	say := world(t)
	if code, _, errOut := say("rules", "set", "acme", "--wearer", "anna", "slouch_open=2m"); code != 0 {
		t.Fatal(errOut)
	}
	for _, c := range []struct {
		args string
		code int
		says []string
	}{
		{"rules set slouch_deg=31", 2, []string{"slouch_deg", "12 to 30"}},
		{"rules set acme slouch_nudge=1h", 2, []string{"1m to 15m"}},
		{"rules set acme slouch=31", 2, []string{`"slouch"`, "slouch_deg"}},
		{"rules set acme slouch_deg=much lean_deg=99", 2, []string{`"much"`, "lean_deg: 99"}},
		{"rules set acme slouch_deg=12 upright_deg=13", 2, []string{"upright_deg is over slouch_deg"}},
		{"rules set acme slouch_nudge=60s", 2, []string{"slouch_open is longer", "wearer anna of acme"}},
		{"rules set acme slouch_deg=16 slouch_deg=17", 2, []string{"twice"}},
		{"rules set acme", 2, []string{"KEY=VALUE", "rules list"}},
		{"rules set acme slouch_deg=16 lean_deg", 2, []string{`"lean_deg" is not KEY=VALUE`}},
		{"rules set --team dev slouch_deg=16", 2, []string{"organisation"}},
		{"rules set acme --team dev --wearer anna slouch_deg=16", 2, []string{"exclude"}},
		{"rules set Acme slouch_deg=16", 2, []string{`"Acme"`}},
		{"rules reset acme slouch", 2, []string{`"slouch"`}},
		{"rules show acme anna extra", 2, []string{"2 arg"}},
		{"rules set other slouch_deg=16", 1, []string{"organisation other is not registered"}},
		{"rules set acme --team ops slouch_deg=16", 1, []string{"team ops of organisation acme"}},
		{"rules set acme --wearer eve slouch_deg=16", 1, []string{"wearer eve of organisation acme"}},
		{"rules show acme eve", 1, []string{"wearer eve"}},
		{"rules history other", 1, []string{"other"}},
	} {
		code, out, errOut := say(strings.Fields(c.args)...)
		if code != c.code || out != "" {
			t.Errorf("%s: exit %d, want %d; says %s", c.args, code, c.code, out)
		}
		for _, want := range c.says {
			if !strings.Contains(errOut, want) {
				t.Errorf("%s: %q does not say %q", c.args, errOut, want)
			}
		}
	}
	if _, out, _ := say("rules", "history", "acme"); !strings.Contains(out, "nothing was ever set") {
		t.Errorf("something was changed:\n%s", out)
	}
}
