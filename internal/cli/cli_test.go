package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/cli"
)

// run runs a command line and returns its exit code and what it said.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Run(t.Context(), "1.2.3", args, &o, &e)
	return code, o.String(), e.String()
}

func TestWrongUseIsNamedAndExits2(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"serv"}, []string{"serv", "--help"}},
		{[]string{"serve", "--htp", "x"}, []string{"--htp", "sitwell serve --help"}},
		{[]string{"serve", "--http", "8080"}, []string{"http", `"8080" is not host:port`}},
		{[]string{"serve", "--mqtt", "0.0.0.0:1883"}, []string{"mqtt", "--insecure-listen"}},
		{[]string{"serve", "--log-level", "loud"}, []string{"loud"}},
		{[]string{"serve", "extra"}, []string{"extra"}},
		{[]string{"serve", "--roles", "broker,oven"}, []string{`"oven"`, "roles are broker,ingest"}},
		{[]string{"serve", "--roles", "dashboard"}, []string{"dashboard needs record"}},
		{[]string{"serve", "--durability", "sometimes"}, []string{"sometimes", "always, interval"}},
		{[]string{"serve", "--log-limit", "10 apples"}, []string{"10 apples", "10GiB"}},
		{[]string{"serve", "--log-limit", "1MiB"}, []string{"1MiB", "less than 64MiB"}},
		{[]string{"serve", "--broker-limit", "15MiB"}, []string{"15MiB", "less than 16MiB"}},
		{[]string{"serve", "--mqtt", "none"}, []string{"--broker tcp://127.0.0.1:1883"}},
		{[]string{"serve", "--broker", "tcp://127.0.0.1:1883"}, []string{"add --mqtt none"}},
		{[]string{"ingest", "--broker", "tcp://nowhere"}, []string{"tcp://nowhere"}},
		{[]string{"detect", "--broker", "x"}, []string{"--broker"}},
		{[]string{"demo", "--seed", "x"}, []string{"seed"}},
		{[]string{"org", "lst"}, []string{"lst", "sitwell org"}},
		{[]string{"org", "add", "Acme"}, []string{"Acme"}},
		{[]string{"org", "add"}, []string{"takes ORG"}},
		{[]string{"device", "assign", "acme", "band", "--from", "noon", "--wearer", "anna"}, []string{"--from", "noon"}},
		{[]string{"simulate", "--wearers", "0"}, []string{"wearers"}},
		{[]string{"replay"}, []string{"arg"}},
		{[]string{"quarantine", "show", "x"}, []string{`"x"`}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			if c.args[0] == "device" { // its times are read once a sitwell answers
				b, _ := brokertest.Start(t)
				c.args = append(c.args, "--nats", b.NATS())
			}
			code, _, errOut := run(t, c.args...)
			if code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			for _, want := range c.says {
				if !strings.Contains(errOut, want) {
					t.Errorf("%q does not say %q", errOut, want)
				}
			}
		})
	}
}

func TestConfigurationNamesTheKeyAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		says []string
	}{
		"unknown key":   {"data: x\nhtttp: 127.0.0.1:0\n", []string{"line 2", "htttp", "known are"}},
		"repeated key":  {"data: x\ndata: y\n", []string{"data"}},
		"not a value":   {"http: [1, 2]\n", []string{"line 1", "http", "single value"}},
		"not a mapping": {"just text\n", []string{"key: value"}},
		"not YAML":      {"http: \"x\n", []string{".yml"}},
		"wrong value":   {"insecure-listen: perhaps\n", []string{"insecure-listen", "perhaps"}},
		"wrong address": {"http: here\n", []string{"http", "here"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sitwell.yml")
			if err := os.WriteFile(path, []byte(c.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, errOut := run(t, "serve", "--config", path)
			if code != 2 {
				t.Errorf("exit %d, want 2: %s", code, errOut)
			}
			for _, want := range c.says {
				if !strings.Contains(errOut, want) {
					t.Errorf("%q does not say %q", errOut, want)
				}
			}
		})
	}
}

func TestFlagsCountOverEnvironmentOverFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sitwell.yml")
	// Each value is wrong in a way that is told, so the message shows which one counted.
	if err := os.WriteFile(path, []byte("http: from-file\nmqtt: from-file\nnats: from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SITWELL_HTTP", "from-environment")
	t.Setenv("SITWELL_MQTT", "from-environment")
	code, _, errOut := run(t, "serve", "--config", path, "--http", "from-flag")
	if code != 2 {
		t.Errorf("exit %d, want 2", code)
	}
	for _, want := range []string{`http: "from-flag"`, `mqtt: "from-environment"`, `nats: "from-file"`} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q does not say %s", errOut, want)
		}
	}
}

func TestWhatFailsExits1AndSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"org", "list", "--nats", "127.0.0.1:1"}, "sitwell serve"},
		{[]string{"health", "--url", "http://127.0.0.1:1"}, "ask for health"},
		{[]string{"replay", "/nowhere.csv"}, "/nowhere.csv"},
		{[]string{"serve", "--config", "/nowhere.yml"}, "/nowhere.yml"},
	} {
		code, _, errOut := run(t, c.args...)
		if code == 0 || !strings.Contains(errOut, c.says) {
			t.Errorf("%v: exit %d, %q does not say %q", c.args, code, errOut, c.says)
		}
	}
}

func TestRegistryCommandsSpeakPlainlyOrJSON(t *testing.T) {
	b, _ := brokertest.Start(t)
	must := func(args ...string) string {
		t.Helper()
		code, out, errOut := run(t, append(args, "--nats", "nats://"+b.NATS())...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errOut)
		}
		return out
	}
	if out := must("org", "list"); !strings.Contains(out, "no organisations") {
		t.Errorf("an empty list says %q", out)
	}
	must("org", "add", "acme", "--name", "Acme", "--zone", "Europe/Vienna")
	must("team", "add", "acme", "dev")
	must("wearer", "add", "acme", "anna", "--team", "dev")
	must("device", "add", "acme", "band-1")
	must("device", "assign", "acme", "band-1", "--wearer", "anna", "--from", "2026-11-20T09:00:00Z")
	must("device", "release", "acme", "band-1", "--at", "2026-11-20T10:00:00Z")
	if out := must("device", "list", "acme"); !strings.Contains(out, "anna from 2026-11-20T09:00:00Z to 2026-11-20T10:00:00Z") {
		t.Errorf("devices are listed as %q", out)
	}
	// What is said is what counts, below the second too.
	must("device", "add", "acme", "band-2")
	said := must("device", "assign", "acme", "band-2", "--wearer", "anna", "--from", "2026-11-20T11:00:00.25Z")
	released := must("device", "release", "acme", "band-2", "--at", "2026-11-20T11:00:00.75Z")
	if !strings.Contains(said, "from 2026-11-20T11:00:00.25Z on") || !strings.Contains(released, "from 2026-11-20T11:00:00.75Z on") {
		t.Errorf("times below the second: %q, %q", said, released)
	}
	for _, args := range [][]string{{"org", "list"}, {"team", "list", "acme"}, {"wearer", "list", "acme"}, {"device", "list", "acme"}} {
		if out := must(append(args, "--json")...); !strings.HasPrefix(out, "[") || !strings.Contains(out, `"id"`) {
			t.Errorf("%v as JSON: %q", args, out)
		}
	}
	if code, _, errOut := run(t, "wearer", "list", "other", "--nats", b.NATS()); code != 1 || !strings.Contains(errOut, "other") {
		t.Errorf("an unknown organisation: exit %d, %q", code, errOut)
	}
}

func TestHelpNamesEveryCommandInItsGroup(t *testing.T) {
	code, out, _ := run(t, "--help")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	at := 0
	for _, want := range []string{"Try:", "demo", "replay", "simulate", "Run:", "dashboard", "detect", "health", "ingest", "notify", "serve", "Manage:", "device", "org", "rules", "Inspect:", "backtest", "doctor", "explain", "quarantine", "recompute", "version"} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("help does not name %s in its place:\n%s", want, out)
		}
		at += i
	}
	if code, out, _ := run(t, "version"); code != 0 || out != "1.2.3\n" {
		t.Errorf("version: exit %d, %q", code, out)
	}
}
