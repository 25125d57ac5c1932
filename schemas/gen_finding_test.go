package schemas_test

import (
	"math"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// Generators of what the engine makes of readings.

func genText() *rapid.Generator[string] { return rapid.StringMatching(`[a-z0-9 <>&"'-]{0,40}`) }

// genNumber is any number, not only those that are short in decimals.
func genNumber() *rapid.Generator[float64] {
	return rapid.Custom(func(t *rapid.T) float64 {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return 0
		}
		return f
	})
}

func genPlace() *rapid.Generator[schemas.Place] {
	return rapid.Custom(func(t *rapid.T) schemas.Place {
		return schemas.Place{
			Device: genID().Draw(t, "device"), Boot: rapid.Uint32().Draw(t, "boot"),
			Seq: rapid.Uint64Range(0, schemas.MaxSeq).Draw(t, "seq"), Time: genTime().Draw(t, "time"),
		}
	})
}

func genReceipt() *rapid.Generator[*schemas.Receipt] {
	return rapid.Custom(func(t *rapid.T) *schemas.Receipt {
		r := &schemas.Receipt{
			Engine: rapid.Int().Draw(t, "engine"), RuleNumber: genText().Draw(t, "number"), Version: rapid.Int().Draw(t, "version"),
			Parameters: genText().Draw(t, "parameters"), Limits: rapid.MapOfN(genText(), genText(), 0, 5).Draw(t, "limits"),
			Values: rapid.MapOfN(genText(), genNumber(), 0, 5).Draw(t, "values"),
			From:   genPlace().Draw(t, "from"), To: genPlace().Draw(t, "to"), State: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "state"),
		}
		if rapid.Bool().Draw(t, "with a calibration") {
			g := rapid.Int16()
			r.Zero = &schemas.Zero{
				Pose:    rapid.SampledFrom([]schemas.Pose{schemas.Seated, schemas.Standing}).Draw(t, "pose"),
				Upright: [3]int16{g.Draw(t, "x"), g.Draw(t, "y"), g.Draw(t, "z")},
			}
		}
		return r
	})
}

func genFinding() *rapid.Generator[schemas.Finding] {
	return rapid.Custom(func(t *rapid.T) schemas.Finding {
		f := schemas.Finding{
			Schema: schemas.SchemaFinding, Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Device: genID().Draw(t, "device"),
			Rule:  rapid.SampledFrom(schemas.Rules()).Draw(t, "rule"),
			Step:  rapid.SampledFrom([]schemas.Step{schemas.Opened, schemas.Escalated, schemas.Risen, schemas.Raised, schemas.Closed}).Draw(t, "step"),
			Level: rapid.IntRange(1, 3).Draw(t, "level"), Start: genTime().Draw(t, "start"), Time: genTime().Draw(t, "time"),
			Seconds: genNumber().Draw(t, "seconds"), FlexionDeg: genNumber().Draw(t, "flexion"),
			Severity: schemas.Severity(rapid.IntRange(0, 3).Draw(t, "severity")),
			Cause:    rapid.SampledFrom([]schemas.Cause{"", schemas.Left, schemas.Sudden, schemas.Drift}).Draw(t, "cause"),
			Boot:     rapid.Uint32().Draw(t, "boot"), Seq: rapid.Uint64Range(0, schemas.MaxSeq).Draw(t, "seq"),
		}
		if f.Step == schemas.Closed {
			f.End, f.Outcome = genTime().Draw(t, "end"), schemas.Moved
		}
		if rapid.Bool().Draw(t, "with a receipt") {
			f.Receipt = genReceipt().Draw(t, "receipt")
		}
		f.Episode = schemas.EpisodeID(f.Org, f.Wearer, f.Rule, f.Start)
		f.ID = schemas.FindingID(f.Episode, f.Step, f.Level, f.Severity)
		return f
	})
}

func genRollup() *rapid.Generator[schemas.Rollup] {
	return rapid.Custom(func(t *rapid.T) schemas.Rollup {
		s, deg := rapid.Float32Range(0, 60), rapid.Float32Range(-180, 180)
		return schemas.Rollup{
			Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Minute: rapid.Int64().Draw(t, "minute"),
			Sitting: s.Draw(t, "sitting"), Standing: s.Draw(t, "standing"), Moving: s.Draw(t, "moving"), NotWorn: s.Draw(t, "not worn"),
			Upright: s.Draw(t, "upright"), Slouched: s.Draw(t, "slouched"), Flexion: deg.Draw(t, "flexion"),
			Breaks: rapid.IntRange(0, math.MaxInt32).Draw(t, "breaks"), FlexionP95: deg.Draw(t, "p95"),
			LeanLeft: s.Draw(t, "left"), LeanRight: s.Draw(t, "right"), Bent: s.Draw(t, "bent"),
			LoadPeak: rapid.Float32Range(0, 1).Draw(t, "load"), Shifts: rapid.IntRange(0, 60).Draw(t, "shifts"),
			Bout: rapid.Float32Range(0, 1e6).Draw(t, "bout"),
		}
	})
}

func genLate() *rapid.Generator[schemas.Late] {
	return rapid.Custom(func(t *rapid.T) schemas.Late {
		return schemas.Late{
			Org: genID().Draw(t, "org"), Wearer: genID().Draw(t, "wearer"), Device: genID().Draw(t, "device"), Boot: rapid.Uint32().Draw(t, "boot"),
			First: rapid.Uint64().Draw(t, "first"), Last: rapid.Uint64().Draw(t, "last"), From: rapid.Int64().Draw(t, "from"), To: rapid.Int64().Draw(t, "to"),
		}
	})
}
