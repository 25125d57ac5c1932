package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// testFinding is one of ann's with a receipt as the engine writes them; its numbers
// differ from one episode to the next.
func testFinding(episode string, step schemas.Step, state []byte) schemas.Finding {
	rnd := rand.New(rand.NewPCG(uint64(len(episode)), uint64(episode[len(episode)-1])<<8|uint64(episode[0])))
	place := func(after time.Duration) schemas.Place {
		return schemas.Place{Device: annsDevice, Boot: annsRun, Seq: rnd.Uint64N(1e6), Time: benchStart.Add(after + time.Duration(rnd.IntN(1000))*time.Millisecond)}
	}
	return schemas.Finding{
		Schema: schemas.SchemaFinding, ID: schemas.FindingID(episode, step, 2, schemas.Moderate), Episode: episode,
		Org: org, Wearer: ann, Device: annsDevice, Rule: schemas.RuleSlouch, Step: step, Level: 2,
		Start: benchStart, Time: benchStart.Add(2 * time.Minute), Seconds: 120, FlexionDeg: 17 + rnd.Float64(),
		Severity: schemas.Moderate, Cause: schemas.Left, Boot: annsRun, Seq: rnd.Uint64N(1e6),
		Receipt: &schemas.Receipt{
			Engine: 2, RuleNumber: "R1", Version: 1, Parameters: "default",
			Limits: map[string]string{
				"slouch_deg": "15", "upright_deg": "10", "curve_deg": "20", "curve_clear_deg": "15", "slouch_open": "30s", "slouch_nudge": "2m0s", "slouch_clear": "5s",
			},
			Values: map[string]float64{"flexion_deg": 17 + rnd.Float64(), "dwell_s": 120.5, "load": rnd.Float64()},
			From:   place(-time.Minute), To: place(2 * time.Minute),
			Zero:  &schemas.Zero{Pose: schemas.Seated, Upright: [3]int16{12, 990, -100}},
			State: state,
		},
	}
}

// noise is a state of 300 bytes that nothing makes smaller.
func noise(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(3, seed))
	b := make([]byte, 300)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func TestFindingsArePacked(t *testing.T) {
	var pack packer
	text, packed := 0, 0
	for i := range uint64(100) {
		want := testFinding(fmt.Sprintf("%016x", i*2654435761), schemas.Escalated, noise(i))
		b, err := pack.finding(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackFinding(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("finding comes back as %+v, %v, want %+v", got, err, want)
		}
		whole, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text, packed = text+len(whole), packed+len(b)
	}
	t.Logf("a finding is %d bytes of JSON, %d packed", text/100, packed/100)
	if packed > text/2 {
		t.Errorf("findings of %d bytes take %d packed", text, packed)
	}
}

// What is stored has to stay readable: testdata's finding was packed by the first build
// that packed any.
func TestPackedFindingStaysReadable(t *testing.T) {
	want := testFinding("0123456789abcdef", schemas.Opened, []byte("state"))
	if got, err := unpackFinding(fromHex(t, "finding1.hex")); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the stored finding is %+v, %v, want %+v", got, err, want)
	}
}

func FuzzUnpackFinding(f *testing.F) {
	var pack packer
	want := testFinding("0123456789abcdef", schemas.Opened, []byte("state"))
	b, err := pack.finding(&want)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-9])
	f.Add([]byte{packedFinding})
	f.Add([]byte{2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := unpackFinding(b)
		if err != nil {
			return
		}
		var pack packer
		again, err := pack.finding(&once)
		if err != nil {
			return // a time that JSON cannot write
		}
		if twice, err := unpackFinding(again); err != nil || !reflect.DeepEqual(once, twice) {
			t.Errorf("%+v comes back as %+v, %v", once, twice, err)
		}
	})
}

func TestDamagedFinding(t *testing.T) {
	s := closedTest(t, t.TempDir())
	f := testFinding("0123456789abcdef", schemas.Opened, noise(1))
	if _, err := s.Append(t.Context(), series.Batch{Stream: schemas.StreamFindings, Seq: 1, Findings: []schemas.Finding{f}}); err != nil {
		t.Fatal(err)
	}
	alter(t, s.pathOf(fileKey{series.Events, f.Start.Unix() / 86400}), `UPDATE findings SET body = substr(body, 1, 40)`)
	if _, err := s.Findings(t.Context(), org, f.Episode); !errors.Is(err, errPacked) || !strings.Contains(err.Error(), f.Episode) {
		t.Errorf("error is %v, want %v with the episode", err, errPacked)
	}
}

// Neither an episode's findings nor their removal may read the whole table, nor may marks.
func TestPlans(t *testing.T) {
	s := closedTest(t, t.TempDir())
	for class, queries := range map[series.Class][]string{
		series.Raw: {sqlTouched, sqlLate, sqlMinutes, sqlSumReadings, sqlSeen},
		series.Events: {
			sqlFindings, sqlDropFindings, sqlDropEpisodes, sqlSetFinding, sqlEpisodes, sqlDecisions, sqlClearFindings, sqlClearEpisodes, sqlClearDecisions,
		},
		series.Rollups: {sqlRollups, sqlDropRollups, sqlSlots},
	} {
		for _, text := range queries {
			got := planOf(t, s, class, text)
			if strings.Contains(strings.ReplaceAll(got, "SCAN CONSTANT ROW", ""), "SCAN") {
				t.Errorf("plan of %s is %s", text, got)
			}
		}
	}
}
