package cli

import (
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
)

func TestRetention(t *testing.T) {
	for text, want := range map[string]string{
		"raw=30d":                    "raw=30d,rollups=400d,events=90d,office=731d",
		"office=400d, raw = 36h":     "raw=36h0m0s,rollups=400d,events=90d,office=400d",
		"events=1d,rollups=3d":       "raw=30d,rollups=3d,events=1d,office=731d",
		"raw=30d,events=24h,raw=30d": "! raw stands twice",
		"":                           "! is not one of",
		"raw":                        "! is not one of",
		"readings=30d":               "! is not one of",
		"raw=23h":                    "! a day is the least",
		"raw=0d":                     "! a day is the least",
		"raw=-5d":                    "! no time such as 30d",
		"raw=99999999999d":           "! no time such as 30d",
		"raw=40000d":                 "! no time such as 30d",
		"raw=many":                   "! no time such as 30d",
	} {
		value := series.DefaultRetention()
		r := retention{&value}
		err := r.Set(text)
		if says, refused := strings.CutPrefix(want, "! "); refused {
			if err == nil || !strings.Contains(err.Error(), says) || value[series.Raw] != 30*24*time.Hour {
				t.Errorf("%q: %v, value %v", text, err, value)
			}
			continue
		}
		if err != nil || r.String() != want {
			t.Errorf("%q: %s, %v, want %s", text, r.String(), err, want)
		}
		if back := (retention{&value}); back.Set(r.String()) != nil || back.String() != want {
			t.Errorf("%q is not read back", r.String())
		}
	}
}
