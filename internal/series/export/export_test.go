package export

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

var (
	acme, ann = schemas.MustID("acme"), schemas.MustID("ann")
	monday    = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	chest     = schemas.MustID("chest-1")
	extent    = series.Extent{Org: acme, Wearer: ann, From: monday, To: monday.AddDate(0, 0, 3)}
)

func at(d int, clock time.Duration) time.Time { return monday.AddDate(0, 0, d).Add(clock) }

// filled is a store with something of each kind on the first and the third day of ann's,
// and the same of bob's.
func filled(t *testing.T) series.Store {
	t.Helper()
	s, err := sqlite.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for i, wearer := range []schemas.ID{ann, schemas.MustID("bob")} {
		fill(t, s, wearer, uint64(i)+1)
	}
	return s
}

func fill(t *testing.T, s series.Store, wearer schemas.ID, seq uint64) {
	t.Helper()
	device := schemas.MustID("chest-" + number(seq))
	batch := schemas.Batch{Org: acme, Wearer: wearer, Device: device, Boot: math.MaxUint32, Items: items()}
	f := finding(wearer)
	closed := f
	closed.Step, closed.Time, closed.End, closed.Outcome, closed.Receipt = schemas.Closed, at(1, time.Second), at(1, 0), schemas.Recovered, nil
	closed.ID = schemas.FindingID(closed.Episode, closed.Step, 1, schemas.Mild)
	for _, b := range []series.Batch{
		{Stream: schemas.StreamReadings, Readings: []schemas.Batch{batch}},
		{
			Stream: schemas.StreamRollups, Rollups: []schemas.Rollup{{
				Org: acme, Wearer: wearer, Minute: at(2, time.Hour).Unix() / 60, Sitting: 30.25, Standing: 10.5, Moving: 3, NotWorn: 1, Upright: 20, Slouched: 19.5,
				Flexion: -12.375, Breaks: 2, FlexionP95: 61.5, LeanLeft: 4, LeanRight: 1, Bent: 7.5, LoadPeak: 0.625, Shifts: 3, Bout: 604800,
			}},
			Late: []schemas.Late{{Org: acme, Wearer: wearer, Device: device, Boot: batch.Boot, First: 2, Last: 2, From: items()[1].Time, To: items()[1].Time}},
		},
		{Stream: schemas.StreamFindings, Findings: []schemas.Finding{f, closed}},
		{Stream: schemas.StreamNudges, Decisions: []schemas.Decision{{
			Schema: schemas.SchemaDecision, ID: "e-1-held", Nudge: "e-1", Episode: f.Episode, Org: acme, Wearer: wearer, Device: chest, Rule: schemas.RuleSlouch,
			Level: 1, Time: at(2, 90*time.Minute), Decided: at(2, 90*time.Minute+time.Millisecond), Action: schemas.ActionHeld, HeldBy: "=HYPERLINK(\"x\")",
			Why: "-1 is no minute,\n\"said\" she", Text: "@sit <b>up</b>", Reason: "\tx", Reply: "+1", Seconds: -1.5, Outcome: schemas.Moved,
		}}},
	} {
		b.Seq = seq
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
}

// items are two readings, one of them with all that one can have, and two events.
func items() []schemas.Item {
	upright := [3]int16{20, 990, -100}
	item := func(seq uint64, when time.Time) schemas.Reading {
		return schemas.Reading{Seq: seq, Time: when.UnixMilli()}
	}
	full := schemas.Reading{
		Seq: 1, Time: at(0, 9*time.Hour).UnixMilli(), TrunkPitch: -1234, TrunkRoll: 15, LumbarPitch: 1, HeadPitch: -1,
		Acc: [3]int16{-16000, 16000, 7}, Motion: 12, Steps: 60000, SittingS: 604800, Battery: 100, Quality: 99,
		Fields: schemas.HasTrunk | schemas.HasAcc | schemas.HasLumbar | schemas.HasHead | schemas.HasMotion |
			schemas.HasSitting | schemas.HasSittingS | schemas.IsWorn | schemas.HasSteps | schemas.HasBattery | schemas.HasQuality,
	}
	return []schemas.Item{
		{Reading: full},
		{Reading: item(2, at(0, 9*time.Hour+1500*time.Millisecond))},
		{Reading: item(3, at(0, 10*time.Hour)), Event: &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &upright}},
		{Reading: item(4, at(2, 0)), Event: &schemas.Event{Type: schemas.EventSuddenMovement, PeakRate: 120, Axis: schemas.Twist, PeakAcc: 1500}},
	}
}

func finding(wearer schemas.ID) schemas.Finding {
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, Org: acme, Wearer: wearer, Device: chest, Rule: schemas.RuleSlouch, Step: schemas.Opened, Level: 1,
		Start: at(0, 23*time.Hour), Time: at(0, 23*time.Hour+30*time.Second), Seconds: 30.5, FlexionDeg: -21.5, Severity: schemas.Mild, Cause: schemas.Left, Boot: 7, Seq: 9,
		Receipt: &schemas.Receipt{
			Engine: 2, RuleNumber: "R1", Version: 1, Parameters: "default", Limits: map[string]string{"b": "30s", "a": "15"},
			Values: map[string]float64{"z": 0.1, "flexion_deg": 17.123456789012345}, State: []byte{0, 255},
		},
	}
	f.Episode = schemas.EpisodeID(acme, wearer, f.Rule, f.Start)
	f.ID = schemas.FindingID(f.Episode, f.Step, 1, schemas.Mild)
	return f
}

func jsonLines(t *testing.T, s series.Store, e series.Extent) string {
	t.Helper()
	var out bytes.Buffer
	if err := JSONLines(t.Context(), &out, s, e, nil); err != nil {
		t.Fatalf("export: %v", err)
	}
	return out.String()
}

func TestJSONLinesTellEverything(t *testing.T) {
	got := jsonLines(t, filled(t), extent)
	id := finding(ann).Episode
	receipt, err := json.Marshal(finding(ann).Receipt)
	if err != nil {
		t.Fatal(err)
	}
	who := `"org":"acme","wearer":"ann"`
	want := []string{
		`{"kind":"record","schema":"sitwell.record.v1",` + who + `,"from":"2026-11-02T00:00:00Z","to":"2026-11-05T00:00:00Z"}`,
		`{"kind":"reading","time":"2026-11-02T09:00:00Z","device":"chest-1","boot":4294967295,"seq":1,"trunk_pitch_deg":-123.4,"trunk_roll_deg":1.5,` +
			`"acc_x_g":-16,"acc_y_g":16,"acc_z_g":0.007,"lumbar_pitch_deg":0.1,"head_pitch_deg":-0.1,"motion_sd_g":0.012,"sitting":false,"sitting_s":604800,` +
			`"steps":60000,"battery_pct":100,"quality":99,"worn":true}`,
		`{"kind":"reading","time":"2026-11-02T09:00:01.5Z","device":"chest-1","boot":4294967295,"seq":2,"late":true,"worn":false}`,
		`{"kind":"event","time":"2026-11-02T10:00:00Z","device":"chest-1","boot":4294967295,"seq":3,"type":"calibrate","pose":"seated","upright":[0.02,0.99,-0.1]}`,
		`{"kind":"episode","id":"` + id + `","rule":"slouch","start":"2026-11-02T23:00:00Z","end":"2026-11-03T00:00:00Z","level":1,"outcome":"recovered",` +
			`"seconds":30.5,"flexion_deg":-21.5,"severity":"mild","cause":"left"}`,
		`{"kind":"finding","schema":"sitwell.finding.v1","id":"` + id + `-opened1","episode":"` + id + `",` + who + `,"device":"chest-1","rule":"slouch",` +
			`"step":"opened","level":1,"start":"2026-11-02T23:00:00Z","time":"2026-11-02T23:00:30Z","seconds":30.5,"flexion_deg":-21.5,"severity":"mild",` +
			`"cause":"left","boot":7,"seq":9,"receipt":` + string(receipt) + `}`,
		`{"kind":"finding","schema":"sitwell.finding.v1","id":"` + id + `-closed","episode":"` + id + `",` + who + `,"device":"chest-1","rule":"slouch",` +
			`"step":"closed","level":1,"start":"2026-11-02T23:00:00Z","time":"2026-11-03T00:00:01Z","end":"2026-11-03T00:00:00Z","outcome":"recovered",` +
			`"seconds":30.5,"flexion_deg":-21.5,"severity":"mild","cause":"left","boot":7,"seq":9}`,
		`{"kind":"event","time":"2026-11-04T00:00:00Z","device":"chest-1","boot":4294967295,"seq":4,"type":"sudden_movement","axis":"twist","peak_dps":120,"peak_g":1.5}`,
		`{"kind":"minute","time":"2026-11-04T01:00:00Z","minute":` + number(int(at(2, time.Hour).Unix()/60)) + `,"sitting_s":30.25,"standing_s":10.5,"moving_s":3,` +
			`"not_worn_s":1,"upright_s":20,"slouched_s":19.5,"flexion_deg":-12.375,"breaks":2,"flexion_p95_deg":61.5,"lean_left_s":4,"lean_right_s":1,` +
			`"bent_s":7.5,"load_peak":0.625,"shifts":3,"bout_s":604800}`,
		`{"kind":"decision","schema":"sitwell.decision.v1","id":"e-1-held","nudge":"e-1","episode":"` + id + `",` + who + `,"device":"chest-1","rule":"slouch",` +
			`"level":1,"time":"2026-11-04T01:30:00Z","decided":"2026-11-04T01:30:00.001Z","action":"held","held_by":"=HYPERLINK(\"x\")",` +
			`"why":"-1 is no minute,\n\"said\" she","text":"@sit \u003cb\u003eup\u003c/b\u003e","reason":"\tx","reply":"+1","seconds":-1.5,"outcome":"moved"}`,
		`{"kind":"end","readings":2,"events":2,"minutes":1,"episodes":1,"findings":2,"decisions":1}`,
	}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	for i := range max(len(lines), len(want)) {
		if i >= len(lines) || i >= len(want) || lines[i] != want[i] {
			t.Fatalf("line %d of %d differs from %d:\n%s\nwant\n%s", i, len(lines), len(want), slices.Concat(lines, []string{""})[min(i, len(lines))], want[min(i, len(want)-1)])
		}
	}
}

// tablesOf reads a zip of tables.
func tablesOf(t *testing.T, b []byte) (names []string, rows map[string][][]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("open the zip: %v", err)
	}
	rows = map[string][][]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(r).ReadAll()
		if err != nil {
			t.Fatalf("read %s: %v", f.Name, err)
		}
		names, rows[f.Name] = append(names, f.Name), all
	}
	return names, rows
}

func TestTablesTellEverything(t *testing.T) {
	var out bytes.Buffer
	if err := CSV(t.Context(), &out, filled(t), extent, nil); err != nil {
		t.Fatalf("export: %v", err)
	}
	names, rows := tablesOf(t, out.Bytes())
	if want := []string{"ann/readings.csv", "ann/events.csv", "ann/minutes.csv", "ann/episodes.csv", "ann/findings.csv", "ann/decisions.csv"}; !slices.Equal(names, want) {
		t.Fatalf("tables are %v, want %v", names, want)
	}
	id := finding(ann).Episode
	receipt, err := json.Marshal(finding(ann).Receipt)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"readings": {
			"2026-11-02T09:00:00Z,chest-1,4294967295,1,false,-123.4,1.5,-16,16,0.007,0.1,-0.1,0.012,false,604800,60000,100,99,true",
			"2026-11-02T09:00:01.5Z,chest-1,4294967295,2,true,,,,,,,,,,,,,,false",
		},
		"events": {
			"2026-11-02T10:00:00Z,chest-1,4294967295,3,false,calibrate,seated,[0.02,0.99,-0.1],,,,,,,",
			"2026-11-04T00:00:00Z,chest-1,4294967295,4,false,sudden_movement,,,,,twist,120,,,1.5",
		},
		"minutes":  {"2026-11-04T01:00:00Z,30.25,10.5,3,1,20,19.5,-12.375,2,61.5,4,1,7.5,0.625,3,604800"},
		"episodes": {id + ",slouch,2026-11-02T23:00:00Z,2026-11-03T00:00:00Z,1,recovered,30.5,-21.5,mild,left"},
		"findings": {
			id + "," + id + "-opened1,slouch,opened,1,2026-11-02T23:00:00Z,2026-11-02T23:00:30Z,,,30.5,-21.5,mild,left,chest-1,7,9," + string(receipt),
			id + "," + id + "-closed,slouch,closed,1,2026-11-02T23:00:00Z,2026-11-03T00:00:01Z,2026-11-03T00:00:00Z,recovered,30.5,-21.5,mild,left,chest-1,7,9,",
		},
		"decisions": {"e-1-held,e-1," + id + ",chest-1,slouch,1,2026-11-04T01:30:00Z,2026-11-04T01:30:00.001Z,held,'=HYPERLINK(\"x\")," +
			"'-1 is no minute,\n\"said\" she,'@sit <b>up</b>,'\tx,'+1,-1.5,moved"},
	} {
		all := rows["ann/"+name+".csv"]
		var got []string
		for _, r := range all[1:] {
			got = append(got, strings.Join(r, ","))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s are\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// The same record gives the same bytes, and each day is told.
func TestExportIsDeterministicAndTellsHowFarItIs(t *testing.T) {
	s := filled(t)
	for name, c := range map[string]struct {
		export func(context.Context, io.Writer, series.Reader, series.Extent, func(int, int)) error
		all    int
	}{"JSON lines": {JSONLines, 3}, "tables": {CSV, 18}} {
		var first, second bytes.Buffer
		var told [][2]int
		if err := c.export(t.Context(), &first, s, extent, func(done, all int) { told = append(told, [2]int{done, all}) }); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.export(t.Context(), &second, s, extent, nil); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: a second export gave %d bytes, %v, the first %d", name, second.Len(), err, first.Len())
		}
		for i, got := range told {
			if got != [2]int{i, c.all} {
				t.Errorf("%s: progress %d is %v, want %d of %d", name, i, got, i, c.all)
			}
		}
		if len(told) != c.all+1 {
			t.Errorf("%s: progress was told %d times, want %d", name, len(told), c.all+1)
		}
	}
}

func TestNobodysRecordIsEmpty(t *testing.T) {
	s := filled(t)
	nobody := extent
	nobody.Wearer = schemas.MustID("nobody")
	if got := strings.Split(jsonLines(t, s, nobody), "\n"); len(got) != 3 || got[1] != `{"kind":"end","readings":0,"events":0,"minutes":0,"episodes":0,"findings":0,"decisions":0}` {
		t.Errorf("the record of nobody is %q", got)
	}
	never := series.Extent{Org: extent.Org, Wearer: nobody.Wearer} // as is told of whom nothing is stored
	if got, want := strings.Split(jsonLines(t, s, never), "\n")[0], fmt.Sprintf(`{"kind":"record","schema":%q,"org":%q,"wearer":"nobody"}`, Schema, extent.Org); got != want {
		t.Errorf("the record of nobody begins %s, want %s", got, want)
	}
	for e, want := range map[series.Extent]time.Time{never: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), extent: extent.To.UTC().Truncate(time.Second)} {
		var out bytes.Buffer
		if err := CSV(t.Context(), &out, s, e, nil); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil || len(z.File) != 6 {
			t.Fatalf("the zip has %v, %v", z, err)
		}
		for _, f := range z.File {
			if !f.Modified.Equal(want) {
				t.Errorf("%s is of %s, want %s", f.Name, f.Modified, want)
			}
		}
	}
	backwards := extent
	backwards.From, backwards.To = extent.To, extent.From
	if got := strings.Split(jsonLines(t, s, backwards), "\n"); len(got) != 3 {
		t.Errorf("the record of no time at all is %q", got)
	}
}

// full takes so many bytes.
type full struct{ room int }

var errFull = errors.New("no space is left")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWhereNothingCanBeWritten(t *testing.T) {
	s := filled(t)
	for room := 0; room < 2000; room += 97 {
		if err := CSV(t.Context(), &full{room}, s, extent, nil); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes the error is %v", room, err)
		}
		if err := JSONLines(t.Context(), &full{room}, s, extent, nil); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes the error is %v", room, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := JSONLines(ended, io.Discard, s, extent, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an export with a cancelled context gave %v", err)
	}
	if err := CSV(ended, io.Discard, s, extent, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an export with a cancelled context gave %v", err)
	}
}

// Any text comes back from a table, and none of them begins as a formula does.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"", "a", "=1+1", "+1", "-1", "@x", "'=1", "\tx", "\r=1", "a\nb", "\"", ",", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cell(s)
		if got != s && got != "'"+s {
			t.Errorf("%q became %q", s, got)
		}
		if got != "" && strings.ContainsRune("=+-@\t\r\n", rune(got[0])) {
			t.Errorf("%q became %q, a formula", s, got)
		}
	})
}

// endless is a record of readings that are made as they are asked for.
type endless struct {
	series.Reader

	n int
}

func (e endless) Readings(_ context.Context, q series.Query, each func(series.Reading) error) error {
	for i := range e.n {
		item := schemas.Item{Reading: schemas.Reading{Seq: uint64(i), Time: q.From.UnixMilli() + int64(i), Fields: schemas.HasTrunk | schemas.IsWorn}}
		if err := each(series.Reading{Device: chest, Boot: 1, Item: item}); err != nil {
			return err
		}
	}
	return nil
}

// What is read is written soon, and not kept: between a reading and its line are at most
// the buffers.
func TestExportStreams(t *testing.T) {
	e := extent
	e.To = e.From.AddDate(0, 0, 1)
	r, w := io.Pipe()
	read := 0
	source := endless{filled(t), 1 << 20}
	done := make(chan error, 1)
	counted := counting{source, &read}
	go func() {
		err := JSONLines(t.Context(), w, counted, e, nil)
		_ = w.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewScanner(r)
	for i := 0; i < 1000 && lines.Scan(); i++ {
		if len(lines.Bytes()) == 0 {
			t.Error("a line is empty")
		}
	}
	_ = r.Close() // whoever reads goes away
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("when nobody reads any more the error is %v", err)
	}
	if read > 10_000 {
		t.Errorf("for 1,000 lines %d readings were read", read)
	}
}

// counting counts the readings that are read.
type counting struct {
	endless

	n *int
}

func (c counting) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	return c.endless.Readings(ctx, q, func(r series.Reading) error { *c.n++; return each(r) })
}
