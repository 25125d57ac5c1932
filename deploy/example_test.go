package deploy_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sitwell/internal/cli"
)

// The example has each setting of serve, with its default, and no other.
func TestExampleConfiguration(t *testing.T) {
	var help, errs bytes.Buffer
	if code := cli.Run(t.Context(), "test", []string{"serve", "--help"}, &help, &errs); code != 0 {
		t.Fatalf("sitwell serve --help exits %d: %s", code, &errs)
	}
	flags := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ +--([a-z-]+)(?: string)? .*?(?:\(default "(.*)"\))?$`).FindAllStringSubmatch(help.String(), -1) {
		flags[m[1]] = m[2]
	}
	flags["insecure-listen"] = "false" // help does not print it
	delete(flags, "config")

	text, err := os.ReadFile("sitwell.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+): (.*)$`).FindAllStringSubmatch(string(text), -1) {
		keys = append(keys, m[1])
		if want, ok := flags[m[1]]; !ok {
			t.Errorf("%s is no setting of sitwell serve", m[1])
		} else if strings.Trim(m[2], `"`) != want {
			t.Errorf("%s is %q, its default is %q", m[1], m[2], want)
		}
	}
	for name := range flags {
		if !slices.Contains(keys, name) {
			t.Errorf("the example lacks %s", name)
		}
	}
}
