package dashboard

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// schema is the part of JSON Schema that the description uses.
type schema struct {
	Ref        string            `json:"$ref"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	Additional *schema           `json:"additionalProperties"` // of a map
}

type openAPI struct {
	OpenAPI string
	Paths   map[string]struct {
		Get struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]struct {
				Content map[string]struct{ Schema schema }
			}
		}
	}
	Components struct{ Schemas map[string]schema }
}

func described(t *testing.T, w *world) openAPI {
	t.Helper()
	return into[openAPI](t, get(t, w, "/api/openapi.json"))
}

// Each route is described with the parameters it takes, and nothing else is.
func TestDescriptionIsTheRouteTable(t *testing.T) {
	w := newWorld(t, noon, few())
	api := described(t, w)
	if !strings.HasPrefix(api.OpenAPI, "3.1.") {
		t.Errorf("the version is %q", api.OpenAPI)
	}
	want := []string{"/healthz", "/metrics", "/readyz"}
	for _, rt := range w.routes() {
		want = append(want, rt.path)
		var path, query []string
		for _, p := range api.Paths[rt.path].Get.Parameters {
			switch p.In {
			case "path":
				path = append(path, "{"+p.Name+"}")
			case "query":
				query = append(query, p.Name)
			}
		}
		for _, name := range path {
			if !strings.Contains(rt.path, name) {
				t.Errorf("%s is described with %s", rt.path, name)
			}
		}
		if len(path) != strings.Count(rt.path, "{") || !slices.Equal(query, rt.query) {
			t.Errorf("%s is described with %v and %v", rt.path, path, query)
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(api.Paths)); !slices.Equal(got, want) {
		t.Errorf("described are\n%v, want\n%v", got, want)
	}
}

// What the routes answer has what the description says, and nothing more.
func TestAnswersAreAsDescribed(t *testing.T) {
	w := newWorld(t, noon, few())
	w.append(t, series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: []schemas.Batch{sitting(at(9, 0), 1, 300)}})
	w.append(t, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{minute(9, 30, schemas.Rollup{Sitting: 60, Upright: 60})}})
	w.append(t, series.Batch{Stream: schemas.StreamFindings, Seq: 1, Findings: []schemas.Finding{{
		Schema: schemas.SchemaFinding, ID: "e-opened1", Episode: "e", Org: acme, Wearer: anna, Device: anna, Rule: schemas.RuleSlouch,
		Step: schemas.Opened, Level: 1, Start: at(9, 30), Time: at(9, 31), Seconds: 30, FlexionDeg: 20,
	}}})
	w.append(t, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{
		decision("n", schemas.ActionSent, at(9, 32)), decision("n", schemas.ActionCorrected, at(9, 33)),
	}})
	api := described(t, w)
	for _, rt := range w.routes() {
		if rt.path == "/api/v1/live" {
			continue // it does not end
		}
		a := get(t, w, rt.target("acme", "anna"))
		media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		content, ok := api.Paths[rt.path].Get.Responses[fmt.Sprint(a.status)].Content[media]
		if !ok || a.status != 200 {
			t.Errorf("%s answered %d with %s, which is not described: %.200s", rt.path, a.status, media, a.body)
			continue
		}
		first, _, _ := strings.Cut(a.body, "\n")
		var v any
		if err := json.Unmarshal([]byte(first), &v); err != nil {
			t.Fatalf("%s: %v", rt.path, err)
		}
		api.holds(t, rt.path, content.Schema, v)
	}
	api.holds(t, "/readyz", schema{Ref: "#/components/schemas/Ready"}, into[any](t, get(t, w, "/readyz")))
}

func (api openAPI) holds(t *testing.T, where string, s schema, v any) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		if s, ok = api.Components.Schemas[name]; !ok {
			t.Errorf("%s refers to %s, which is not there", where, name)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				t.Errorf("%s has no %s", where, name)
			}
		}
		for name, member := range v {
			inner, ok := s.Properties[name]
			if !ok && s.Additional != nil {
				inner, ok = *s.Additional, true
			}
			if !ok {
				t.Errorf("%s has %s, which is not described", where, name)
			}
			api.holds(t, where+"."+name, inner, member)
		}
	case []any:
		if s.Items == nil {
			t.Errorf("%s is an array, which is not described", where)
			return
		}
		for _, item := range v {
			api.holds(t, where+"[]", *s.Items, item)
		}
	}
}
