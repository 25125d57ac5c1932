package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// sitting is so many readings at 2 Hz of somebody who leans forward.
func sitting(from time.Time, boot uint32, n int) schemas.Batch {
	b := schemas.Batch{Org: acme, Wearer: anna, Device: schemas.MustID("belt-7"), Boot: boot, Received: from.UnixMilli()}
	for i := range n {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: uint64(i), Time: from.Add(time.Duration(i) * 500 * time.Millisecond).UnixMilli(), TrunkPitch: 224, TrunkRoll: -15, Motion: 12,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}})
	}
	return b
}

func lines[T any](t *testing.T, a answer) []T {
	t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("status %d, %s: %.300s", a.status, a.header.Get("Content-Type"), a.body)
	}
	var list []T
	for s := bufio.NewScanner(strings.NewReader(a.body)); s.Scan(); {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("line %q: %v", s.Text(), err)
		}
		list = append(list, v)
	}
	return list
}

const annaPath = "/api/v1/orgs/acme/wearers/anna"

func TestReadingsAreExportedAsTheyWereSent(t *testing.T) {
	w := newWorld(t, noon, few())
	b := sitting(at(9, 0), 3, 2)
	b.Items[1].Event = &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated}
	w.append(t, series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: []schemas.Batch{b}})
	got := get(t, w, annaPath+"/readings"+span)
	want := `{"device":"belt-7","boot":3,"seq":0,"time":"2026-11-20T08:00:00Z","trunk_pitch_deg":22.4,"trunk_roll_deg":-1.5,"motion_sd_g":0.012,"sitting":true,"worn":true}
{"device":"belt-7","boot":3,"seq":1,"time":"2026-11-20T08:00:00.5Z","event":{"type":"calibrate","pose":"seated"}}
`
	if got.body != want {
		t.Errorf("got\n%swant\n%s", got.body, want)
	}
	if none := get(t, w, "/api/v1/orgs/acme/wearers/ravi/readings"+span); none.status != 200 || none.body != "" {
		t.Errorf("ravi's readings are %d %q", none.status, none.body)
	}
}

// Postures over stored readings are those the engine gives the log's batches, even
// where a device starts anew in between.
func TestPosturesAreThoseOfTheEngine(t *testing.T) {
	w := newWorld(t, noon, few())
	batches := []schemas.Batch{sitting(at(9, 0), 1, 1400), sitting(at(9, 15), 2, 300)}
	w.append(t, series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: batches})
	engine := detect.NewWearer(acme, anna, detect.Always(detect.Defaults()))
	out := detect.Output{Trace: true}
	for i := range batches {
		engine.Take(&batches[i], &out)
	}
	got := lines[detect.Posture](t, get(t, w, annaPath+"/postures"+span))
	if len(got) != 1700 || len(out.Postures) != len(got) {
		t.Fatalf("got %d postures, the engine gives %d of 1700 readings", len(got), len(out.Postures))
	}
	for i, p := range got {
		if p != out.Postures[i] {
			t.Fatalf("posture %d is %+v, the engine says %+v", i, p, out.Postures[i])
		}
	}
	if last := got[1399]; !last.Sitting || last.SlouchLevel != 2 || last.DwellS < 600 {
		t.Errorf("eleven minutes of leaning end in %+v", last)
	}
}

// An answer that fails on the way must not pass for a whole one.
func TestBrokenExportIsBrokenOff(t *testing.T) {
	w := newWorld(t, noon, few(), func(o *Options) { o.Store = failing{o.Store} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+annaPath+"/readings"+span, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if n, err := io.Copy(io.Discard, resp.Body); resp.StatusCode != 200 || n == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("status %d and %d bytes ended with %v", resp.StatusCode, n, err)
	}
}

// failing is a Store whose disk breaks after many readings.
type failing struct{ Store }

func (failing) Readings(_ context.Context, _ series.Query, each func(series.Reading) error) error {
	for range 5000 {
		if err := each(series.Reading{Device: anna}); err != nil {
			return err
		}
	}
	return errors.New("the disk broke")
}

// Exports hold the store's connections, so there are only so many at once.
func TestExportsAreBounded(t *testing.T) {
	w := newWorld(t, noon, few())
	for range maxExports {
		w.exports <- struct{}{}
	}
	if got := get(t, w, annaPath+"/readings"+span); got.status != 503 || got.code(t) != "busy" {
		t.Errorf("one more gave %d %s", got.status, got.body)
	}
	<-w.exports
	if got := get(t, w, annaPath+"/readings"+span); got.status != 200 || len(w.exports) != maxExports-1 {
		t.Errorf("with room again: %d, and %d are held", got.status, len(w.exports))
	}
}
