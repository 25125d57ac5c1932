package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"sitwell/internal/cli"
)

func TestFlagsOfTheDemoThatDoNotGoTogether(t *testing.T) {
	for line, want := range map[string]string{
		"demo --for 2m":                               "--chaos",
		"demo --chaos --for 0s":                       "above 0",
		"demo --chaos --for 25h":                      "at most 24h",
		"demo --chaos --mqtt 127.0.0.1:1883":          "chosen freely",
		"demo --chaos --http 127.0.0.1:8080 ":         "chosen freely",
		"demo --chaos --influx http://127.0.0.1:8086": "leave one of the two out",
	} {
		var out, errOut bytes.Buffer
		code := cli.Run(t.Context(), "test", strings.Fields(line), &out, &errOut)
		if code != 2 || !strings.Contains(errOut.String(), want) || out.Len() > 0 {
			t.Errorf("%s: exit %d, %q, %q; want %q", line, code, &out, &errOut, want)
		}
	}
}
