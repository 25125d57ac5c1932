package dashboard

import (
	"archive/zip"
	"io"
	"strings"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func TestAWholeRecordIsExported(t *testing.T) {
	w := newWorld(t, noon, few())
	w.append(t, series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: []schemas.Batch{sitting(at(9, 0), 3, 20)}})
	w.append(t, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{minute(9, 0, schemas.Rollup{Sitting: 60})}})
	type line struct {
		Kind, Org, Wearer string
		Readings, Minutes int
	}
	a := get(t, w, annaPath+"/export")
	got := lines[line](t, a)
	if first, last := got[0], got[len(got)-1]; first != (line{"record", "acme", "anna", 0, 0}) || last != (line{"end", "", "", 20, 1}) || len(got) != 23 {
		t.Errorf("%d lines from %+v to %+v", len(got), first, last)
	}
	if name := a.header.Get("Content-Disposition"); name != `attachment; filename="anna.jsonl"` {
		t.Errorf("it is to be saved as %s", name)
	}

	a = get(t, w, annaPath+"/export?format=csv")
	tables, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil || a.header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%s: %v", a.header.Get("Content-Type"), err)
	}
	rows := map[string]int{}
	for _, f := range tables.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		rows[f.Name] = strings.Count(string(text), "\n") - 1
	}
	if rows["anna/readings.csv"] != 20 || rows["anna/minutes.csv"] != 1 {
		t.Errorf("the tables have %v rows", rows)
	}
}

func TestARecordOfNothing(t *testing.T) {
	w := newWorld(t, noon, few())
	if got := lines[struct{ Kind string }](t, get(t, w, annaPath+"/export")); len(got) != 2 {
		t.Errorf("got %+v", got)
	}
	if a := get(t, w, annaPath+"/export?format=xml"); a.status != 400 || a.code(t) != "bad_format" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
