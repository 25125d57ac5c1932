package hindsight

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

// Word is one limit or value of a receipt, for people.
type Word struct {
	Kind  string `json:"kind"` // limit or value
	Key   string `json:"key"`
	Label string `json:"label"` // what it is
	Text  string `json:"text"`  // with its unit
}

// The kinds of words.
const (
	KindLimit = "limit"
	KindValue = "value"
)

// words puts a receipt's values and limits in words, values first.
func words(f *schemas.Finding) []Word {
	list := []Word{}
	if f.Receipt == nil {
		return list
	}
	for _, key := range slices.Sorted(maps.Keys(f.Receipt.Values)) {
		label, text := valueInWords(key, f.Receipt.Values[key])
		list = append(list, Word{KindValue, key, label, text})
	}
	rest := maps.Clone(f.Receipt.Limits)
	if _, two := f.Receipt.Values["curve_deg"]; !two { // with one sensor they limit nothing
		maps.DeleteFunc(rest, func(key, _ string) bool { return strings.HasPrefix(key, "curve_") })
	}
	for _, t := range detect.Tunables() { // in the order in which they explain each other
		if v, ok := rest[t.Key]; ok {
			list = append(list, Word{KindLimit, t.Key, t.Doc, withUnit(v, t.Unit)})
			delete(rest, t.Key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) { // those that nobody can change
		label, text := limitInWords(key, rest[key])
		list = append(list, Word{KindLimit, key, label, text})
	}
	return list
}

// limitInWords is a limit that is no tunable one: a duration, a number with its unit
// in its name, or whatever another build writes.
func limitInWords(key, limit string) (label, text string) {
	if n, err := strconv.ParseFloat(limit, 64); err == nil {
		return valueInWords(key, n)
	}
	if d, err := time.ParseDuration(limit); err == nil {
		return spaced(key), Lasting(d)
	}
	return spaced(key), limit
}

// withUnit writes a parameter's value with its unit, where the text has none.
func withUnit(text string, unit detect.Unit) string {
	switch unit {
	case detect.Degrees:
		return text + " degrees"
	case detect.Percent:
		return text + " %"
	case detect.PerMinute:
		return text + " a minute"
	case detect.Duration:
		if d, err := time.ParseDuration(text); err == nil {
			return Lasting(d)
		}
	case detect.Fraction, detect.Switch:
	}
	return text
}

func valueInWords(key string, v float64) (label, text string) {
	number := strconv.FormatFloat(hundredths(v), 'f', -1, 64)
	if name, ok := strings.CutSuffix(key, "_s"); ok {
		return spaced(name), Lasting(time.Duration(v * float64(time.Second)))
	}
	for _, u := range [][2]string{ // by the end of its name
		{"_deg", " degrees"}, {"_dps", " degrees/s"}, {"_pct", " %"}, {"_mg", " mg"}, {"_g", " g"}, {"_ms", " ms"},
	} {
		if name, ok := strings.CutSuffix(key, u[0]); ok {
			return spaced(name), number + u[1]
		}
	}
	return spaced(key), number
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

// Lasting writes a duration for people: 45 s, 12 min 30 s, 2 h 5 min.
func Lasting(d time.Duration) string {
	if d > 0 && d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	d = d.Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, " h"}, {time.Minute, " min"}, {time.Second, " s"}} {
		if n := int64(d / u.unit); n > 0 {
			parts = append(parts, strconv.FormatInt(n, 10)+u.name)
			d %= u.unit
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }
