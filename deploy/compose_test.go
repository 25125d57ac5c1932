package deploy_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"sitwell/internal/app"
)

// oneShot are services that prepare a volume and end: they may be root and have no health.
var oneShot = []string{"nats-volume", "influxdb-setup"}

// pinned is an image with a tag down to the patch level.
var pinned = regexp.MustCompile(`^[a-z0-9/-]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?$`)

// load reads the services of all profiles.
func load(t *testing.T) *types.Project {
	t.Helper()
	return loadWith(t, "influx")
}

// loadWith reads the services of a profile, named as the operator names it.
func loadWith(t *testing.T, profile string) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithWorkingDirectory(".."),
		cli.WithEnv([]string{"COMPOSE_PROFILES=" + profile}), cli.WithDefaultProfiles())
	if err != nil {
		t.Fatal(err)
	}
	project, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("load docker-compose.yml: %v", err)
	}
	return project
}

func TestComposeServices(t *testing.T) {
	project := load(t)
	for _, name := range []string{"sitwell", "nats", "influxdb", "influxdb-setup"} {
		if _, ok := project.Services[name]; !ok {
			t.Errorf("service %s is missing", name)
		}
	}
	for name, s := range project.Services {
		t.Run(name, func(t *testing.T) {
			if !pinned.MatchString(s.Image) {
				t.Errorf("image %q is not pinned to a full version", s.Image)
			}
			if !s.ReadOnly {
				t.Error("the root file system can be written to")
			}
			if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
				t.Error("it may gain privileges")
			}
			if !slices.Equal(s.CapDrop, []string{"ALL"}) {
				t.Errorf("cap_drop is %v, want ALL", s.CapDrop)
			}
			if s.Privileged || s.NetworkMode == "host" || s.Pid == "host" {
				t.Error("it is not contained")
			}
			checkPorts(t, s.Ports)
			checkSecrets(t, s)
			if !slices.Contains(oneShot, name) {
				checkLongRunning(t, s)
			}
		})
	}
}

// checkLongRunning asks for what a service needs that stays up.
func checkLongRunning(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 {
		t.Error("it has no health check")
	}
	user, _, _ := strings.Cut(s.User, ":")
	if user == "" || user == "0" || user == "root" {
		t.Errorf("user is %q, want one that is not root", s.User)
	}
	if s.Restart != "unless-stopped" {
		t.Errorf("restart is %q, want unless-stopped", s.Restart)
	}
	if len(s.CapAdd) > 0 {
		t.Errorf("cap_add is %v, want none", s.CapAdd)
	}
}

func checkPorts(t *testing.T, ports []types.ServicePortConfig) {
	t.Helper()
	for _, p := range ports {
		if ip := net.ParseIP(p.HostIP); ip == nil || !ip.IsLoopback() {
			t.Errorf("port %d is published on %q, want loopback", p.Target, p.HostIP)
		}
	}
}

// ownTokens is the folder of the tokens that sitwell makes for itself, in its own volume.
const ownTokens = "/data/influx-tokens"

// checkSecrets wants what sounds like a secret to come from a mounted file.
func checkSecrets(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	secret := regexp.MustCompile(`(?i)password|passwd|token|secret|credential|username`)
	mounted := map[string]bool{}
	for _, ref := range s.Secrets {
		target := ref.Target
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + ref.Source
		}
		mounted[target] = true
	}
	for key, value := range s.Environment {
		if !secret.MatchString(key) {
			continue
		}
		if !strings.HasSuffix(key, "_FILE") {
			t.Errorf("%s is given in the environment: give it as a file", key)
		} else if value == nil || !mounted[*value] && *value != ownTokens {
			t.Errorf("%s names a file that is not one of the service's secrets", key)
		}
	}
	for _, arg := range slices.Concat(s.Command, s.Entrypoint) {
		if _, value, _ := strings.Cut(arg, "="); mounted[value] || value == ownTokens {
			continue
		}
		if secret.MatchString(arg) {
			t.Errorf("argument %q looks like a secret", arg)
		}
	}
}

func TestComposeSecretsAreFiles(t *testing.T) {
	project := load(t)
	guide, err := os.ReadFile("secrets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project.Secrets {
		if s.Environment != "" || s.Content != "" || bool(s.External) {
			t.Errorf("secret %s does not come from a file", name)
		}
		dir, file := filepath.Split(s.File)
		if filepath.Base(dir) != "secrets" {
			t.Errorf("secret %s is in %s, want deploy/secrets, which git ignores", name, dir)
		}
		if !strings.Contains(string(guide), "> "+file) {
			t.Errorf("deploy/secrets/README.md does not say how to make %s", file)
		}
	}
	if len(project.Secrets) == 0 {
		t.Error("there are no secrets")
	}
}

func TestComposeStartsInOrder(t *testing.T) {
	project := load(t)
	for service, needs := range map[string]map[string]string{
		"sitwell":        {"nats": types.ServiceConditionHealthy, "influxdb-setup": types.ServiceConditionCompletedSuccessfully},
		"influxdb-setup": {"influxdb": types.ServiceConditionHealthy},
	} {
		for dep, want := range needs {
			if got := project.Services[service].DependsOn[dep].Condition; got != want {
				t.Errorf("%s waits for %s to be %q, want %q", service, dep, got, want)
			}
		}
	}
}

// With the profile sitwell stores in InfluxDB, with the tokens that the setup has made;
// without it there is no InfluxDB and nothing of it, and each of them is a command line
// that sitwell takes.
func TestComposeProfile(t *testing.T) {
	for profile, want := range map[string][2]string{"": {"", ""}, "influx": {"http://influxdb:8086", ownTokens}} {
		project := loadWith(t, profile)
		_, runs := project.Services["influxdb"]
		if runs != (profile != "") {
			t.Errorf("profile %q: InfluxDB runs: %v", profile, runs)
		}
		environment := project.Services["sitwell"].Environment
		for i, name := range []string{"SITWELL_INFLUX", "SITWELL_INFLUX_TOKEN_FILE"} {
			if got := environment[name]; got == nil || *got != want[i] {
				t.Errorf("profile %q: %s is %v, want %q", profile, name, got, want[i])
			}
		}
		o := app.Defaults()
		o.Influx.URL, o.Influx.TokenFile, o.Logger = want[0], want[1], slog.New(slog.DiscardHandler)
		if err := o.Validate(); err != nil {
			t.Errorf("profile %q: %v", profile, err)
		}
	}
	setup := load(t).Services["influxdb-setup"].Command
	// The flag alone leaves the address empty, which sitwell series setup refuses.
	if opts, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithWorkingDirectory(".."), cli.WithDefaultProfiles("influx")); err != nil {
		t.Error(err)
	} else if project, err := opts.LoadProject(t.Context()); err != nil {
		t.Error(err)
	} else if flagged := project.Services["influxdb-setup"].Command; !slices.Contains(flagged, "--influx=") {
		t.Errorf("with the flag --profile influxdb-setup is run with %v", flagged)
	}
	for _, want := range []string{"--influx=http://influxdb:8086", "--out=" + ownTokens, "--once"} {
		if !slices.Contains(setup, want) {
			t.Errorf("influxdb-setup is run with %v, without %s", setup, want)
		}
	}
}

// Outside loopback sitwell listens only with its flag, and then only published on loopback.
func TestComposeListensKnowingly(t *testing.T) {
	command := load(t).Services["sitwell"].Command
	all := slices.ContainsFunc(command, func(a string) bool { return strings.Contains(a, "0.0.0.0") })
	if all != slices.Contains(command, "--insecure-listen") {
		t.Errorf("command %v: an address outside loopback and --insecure-listen belong together", command)
	}
}

func TestComposeFilesExist(t *testing.T) {
	for name, s := range load(t).Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts a file that is missing: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s can write to %s", name, v.Source)
			}
		}
		if s.Build == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Errorf("%s is built from a file that is missing: %v", name, err)
		}
	}
}
