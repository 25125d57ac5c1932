package hindsight

import (
	"encoding/json"
	"maps"
	"slices"

	"sitwell/schemas"
)

// Difference is a field of a finding of which judging again gives another value.
type Difference struct {
	Field  string `json:"field"`  // its name in the JSON, such as receipt.values.load
	Stored string `json:"stored"` // JSON, "" where it is not there
	Again  string `json:"again"`
}

// maxDifferences bounds how many are told, and maxText how much of each value.
const (
	maxDifferences = 20
	maxText        = 120 // bytes
)

// differences lists what is different between a finding and the one that came out.
func differences(stored, again *schemas.Finding) []Difference {
	var a, b any
	if json.Unmarshal(canonical(stored), &a) != nil || json.Unmarshal(canonical(again), &b) != nil {
		return nil // of findings that JSON can write, which these are
	}
	var list []Difference
	diff("", a, b, &list)
	return list[:min(len(list), maxDifferences)]
}

func diff(member string, a, b any, list *[]Difference) {
	inner, ok := a.(map[string]any)
	other, too := b.(map[string]any)
	if ok && too {
		all := maps.Clone(inner)
		maps.Copy(all, other)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			below := name
			if member != "" {
				below = member + "." + name
			}
			diff(below, inner[name], other[name], list)
		}
		return
	}
	if was, is := text(a), text(b); was != is {
		*list = append(*list, Difference{member, clip(was), clip(is)})
	}
}

func text(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil { // it was JSON
		return err.Error()
	}
	return string(b)
}

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "..."
	}
	return s
}
