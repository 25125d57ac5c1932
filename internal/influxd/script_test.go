package influxd_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/internal/influxd"
)

// machine is a PATH and a cache for internal/tools/influxd.sh: what a shell needs, and
// an engine or not.
type machine struct {
	t               *testing.T
	bin, cache, out string
}

// standard are the programs that every machine has.
var standard = []string{
	"awk", "cat", "chmod", "cp", "cut", "dirname", "flock", "grep", "head", "id", "mkdir", "mv", "rm", "sed", "sh", "sleep", "tail",
	"uname",
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, bin: t.TempDir(), cache: t.TempDir(), out: t.TempDir()}
	for _, name := range standard {
		if path, err := exec.LookPath(name); err == nil {
			m.link(path, name)
		}
	}
	return m
}

func (m *machine) link(path, name string) {
	m.t.Helper()
	if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) script(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// command is influxd.sh on the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	m.t.Helper()
	script, err := filepath.Abs("../tools/influxd.sh")
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.CommandContext(m.t.Context(), "sh", append([]string{script}, args...)...)
	cmd.Env = []string{
		"PATH=" + m.bin, "HOME=" + m.cache, "XDG_CACHE_HOME=" + m.cache, "OUT=" + m.out,
	}
	return cmd
}

// run is its exit code, the path it printed, and what it said.
func (m *machine) run(args ...string) (code int, path, said string) {
	m.t.Helper()
	var out, errs bytes.Buffer
	cmd := m.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(out.String()), errs.String()
}

// engine stands for a Docker engine, which a machine that tests may not have: what
// its image holds is the file program, and a container is a process.
const engine = `#!/bin/sh
echo "$*" >>"$OUT/calls"
case $1 in
info | pull) ;;
create) echo container ;;
cp) cp "$OUT/program" "$3" ;;
rm) ;;
run)
	while [ "$1" != --entrypoint ]; do shift; done
	program=$2
	shift 3
	exec "$program" "$@" ;;
*) exit 64 ;;
esac
`

const program = `#!/bin/sh
echo "InfluxDB v` + influxd.Version + ` (git: none)"
`

// image says what the engine's image holds.
func (m *machine) image(text string) {
	m.t.Helper()
	m.script("docker", engine)
	if err := os.WriteFile(filepath.Join(m.out, "program"), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// calls counts the engine's calls of a kind.
func (m *machine) calls(kind string) int {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.out, "calls"))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Count("\n"+string(b), "\n"+kind+" ")
}

func (m *machine) path() string {
	return filepath.Join(m.cache, "sitwell", "influxd-"+influxd.Version, "influxd")
}

func TestProgramComesFromAnEnginesImage(t *testing.T) {
	m := newMachine(t)
	m.image(program)
	code, path, said := m.run()
	if code != 0 || path != m.path() {
		t.Fatalf("code %d, path %q, want %q; it said:\n%s", code, path, m.path(), said)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != program {
		t.Errorf("the program is %q, %v", b, err)
	}
	// What is there is left alone, whether or not there is an engine.
	if err := os.Remove(filepath.Join(m.bin, "docker")); err != nil {
		t.Fatal(err)
	}
	if code, again, said := m.run(); code != 0 || again != path {
		t.Errorf("again: code %d, path %q; it said:\n%s", code, again, said)
	}
}

func TestTwoAtOnceGetItOnce(t *testing.T) {
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip("no flock here: each run works alone")
	}
	m := newMachine(t)
	m.image(program)
	var all []*exec.Cmd
	for range 4 {
		cmd := m.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := m.calls("pull"); n != 1 {
		t.Errorf("the image was fetched %d times", n)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(m.path()), ".influxd.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	m := newMachine(t)
	code, path, said := m.run()
	if code != 1 || path != "" {
		t.Errorf("code %d, path %q", code, path)
	}
	for _, want := range []string{"cargo", "C compiler", "pkg-config", "Go 1.26", "Docker engine", "apt-get install", "rustup.rs"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	for _, name := range []string{"go", "cc", "pkg-config", "cargo"} {
		m.script(name, "#!/bin/sh\nexit 99\n")
	}
	m.script("rustc", "#!/bin/sh\necho 'rustc 1.63.0'\n")
	if code, _, said := m.run("source"); code != 1 || !strings.Contains(said, "this is rustc 1.63.0") || strings.Contains(said, "C compiler") {
		t.Errorf("code %d; it said:\n%s", code, said)
	}
	if code, _, said := m.run("docker"); code != 1 || !strings.Contains(said, "no Docker engine") {
		t.Errorf("code %d; it said:\n%s", code, said)
	}
	if _, err := os.Stat(m.path()); err == nil {
		t.Error("something stands where the program should be")
	}
}

// Where the image's program does not run, a script runs the image: the server works
// through it as ever, and a kill of the script's process ends it.
func TestServerInAContainer(t *testing.T) {
	path, ok := influxd.Path()
	if !ok {
		t.Skipf("no InfluxDB at %s: `make influxd` gets one", path)
	}
	m := newMachine(t)
	m.image("#!/bin/sh\nexit 126\n")
	m.link(path, "real-influxd")
	m.script("influxd", "#!/bin/sh\n[ \"$1\" != version ] || exec sh \"$OUT/version\"\nexec real-influxd \"$@\"\n")
	if err := os.WriteFile(filepath.Join(m.out, "version"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	code, wrapper, said := m.run("docker")
	if code != 0 {
		t.Fatalf("code %d; it said:\n%s", code, said)
	}
	t.Setenv("PATH", m.bin)
	t.Setenv("OUT", m.out)
	s, err := influxd.Start(influxd.Options{Path: wrapper, Dir: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), influxd.Patience)
	defer cancel()
	operator := influxd.Operator{User: "operator", Password: "a-password", Org: "o", Token: "a-token"}
	if err := s.Setup(ctx, operator); err != nil {
		t.Fatal(err)
	}
	if fresh, err := s.New(ctx); err != nil || fresh {
		t.Errorf("after its setup the server is new: %v, %v", fresh, err)
	}
	for name, end := range map[string]func(){"kill": s.Kill, "stop": s.Stop} {
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		end()
		for from := time.Now(); influxd.Answers(ctx, s.URL()); {
			if time.Since(from) > influxd.Patience {
				t.Fatalf("the server goes on after a %s", name)
			}
		}
	}
}
