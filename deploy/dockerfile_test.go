package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instructions are the Dockerfile's lines, continued ones joined, comments left out.
func instructions(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			all = append(all, words)
		}
	}
	return all
}

func TestDockerfile(t *testing.T) {
	base := regexp.MustCompile(`^[a-z]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?$`)
	var last [][]string // of the last stage
	for _, words := range instructions(t) {
		if words[0] == "FROM" {
			last = nil
			if words[1] != "scratch" && !base.MatchString(words[1]) {
				t.Errorf("FROM %s is not pinned to a full version", words[1])
			}
		}
		last = append(last, words)
	}
	if last[0][1] != "scratch" {
		t.Errorf("the image is built on %s, want scratch", last[0][1])
	}
	user := slices.IndexFunc(last, func(w []string) bool { return w[0] == "USER" })
	if user < 0 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(last[user][1]) {
		t.Error("the image has no USER by number other than root")
	} else if want := load(t).Services["sitwell"].User; last[user][1] != want {
		t.Errorf("USER is %s, docker-compose.yml says %s", last[user][1], want)
	}
	for _, words := range last {
		if words[0] == "RUN" {
			t.Error("RUN in the last stage: there is no shell")
		}
	}
}

// What compose runs beside sitwell is the version that is embedded in it.
func TestNATSVersionIsTheEmbeddedOne(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`github\.com/nats-io/nats-server/v2 v(\S+)`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("go.mod has no nats-server")
	}
	if want, got := "nats:"+string(version[1])+"-alpine", load(t).Services["nats"].Image; got != want {
		t.Errorf("docker-compose.yml has %s, go.mod %s", got, want)
	}
}
