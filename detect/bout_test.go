package detect

import (
	"testing"
	"time"

	"sitwell/schemas"
)

func TestSittingBout(t *testing.T) {
	const m = 60
	tests := []struct {
		name   string
		spells []spell
		want   string
		breaks int
	}{
		{"just under 20 minutes", []spell{upright(20*m - 1), walking(130)}, ``, 1},
		{"20 minutes", []spell{upright(20 * m), walking(130)}, `
			1200 opened1 since 0 for 1200
			1320 closed1 since 0 for 1200 break at 1200`, 1},
		{"30 and 50 minutes, each once", []spell{upright(70 * m)}, `
			1200 opened1 since 0 for 1200
			1800 escalated2 since 0 for 1800
			3000 escalated3 since 0 for 3000`, 0},
		{"moving on the seat is sitting", []spell{{secs: 20*m + 1, sd: 300}}, `
			1200 opened1 since 0 for 1200`, 0},
		{"under 10 seconds off the seat counts as sitting", []spell{upright(10 * m), walking(9), upright(10 * m)}, `
			1200 opened1 since 0 for 1200`, 0},
		{"10 seconds take a twelfth off", []spell{upright(10 * m), walking(10), upright(10*m + 51)}, `
			1260 opened1 since 0 for 1200`, 0},
		{"just under 2 minutes leave a little", []spell{upright(10 * m), walking(119), upright(20 * m)}, `
			1914 opened1 since 0 for 1200`, 0},
		{"2 minutes end it", []spell{upright(10 * m), walking(120), upright(20*m - 1)}, ``, 1},
		{"standing still is no break", []spell{upright(21 * m), standing(120), upright(m)}, `
			1200 opened1 since 0 for 1200
			1380 closed1 since 0 for 1260 standing at 1260`, 0},
		{"half a minute of moving makes it a break", []spell{upright(21 * m), walking(27), standing(93), upright(m)}, `
			1200 opened1 since 0 for 1200
			1380 closed1 since 0 for 1260 break at 1260`, 1},
		{"less does not", []spell{upright(21 * m), walking(26), standing(94), upright(m)}, `
			1200 opened1 since 0 for 1200
			1380 closed1 since 0 for 1260 standing at 1260`, 0},
		{"a bout of less than a minute has no break", []spell{upright(59), walking(121)}, ``, 0},
		{"a bout of a minute has", []spell{upright(60), walking(121)}, ``, 1},
		{"a minute of gap keeps the bout", []spell{upright(10*m + 1), gap(59), upright(10*m + 1)}, `
			1260 opened1 since 0 for 1200`, 0},
		{"over a minute of gap ends it, as unknown", []spell{upright(21*m + 1), gap(60), upright(20*m + 1)}, `
			1200 opened1 since 0 for 1200
			1321 closed1 since 0 for 1260 unknown at 1260
			2521 opened1 since 1321 for 1200`, 0},
		{"not worn for over a minute ends it, as unknown", []spell{upright(21 * m), takenOff(61), upright(m)}, `
			1200 opened1 since 0 for 1200
			1321 closed1 since 0 for 1260 unknown at 1260`, 0},
		{"nobody knows for over a minute", []spell{upright(21 * m), {secs: 61, seat: nobodyKnows}, upright(m)}, `
			1200 opened1 since 0 for 1200
			1321 closed1 since 0 for 1260 unknown at 1260`, 0},
		{"a gap while away ends it where the wearer rose", []spell{upright(21 * m), walking(60), gap(61), upright(m)}, `
			1200 opened1 since 0 for 1200
			1381 closed1 since 0 for 1260 unknown at 1260`, 0},
		{"up after the prompt is told once a level", []spell{upright(30 * m), walking(9), upright(m), walking(60), upright(m), walking(60), upright(m)}, `
			1200 opened1 since 0 for 1200
			1800 escalated2 since 0 for 1800
			1879 risen2 since 0 for 1869`, 0},
		{"a level is reached once", []spell{upright(21 * m), walking(60), upright(15 * m)}, `
			1200 opened1 since 0 for 1200`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, out := judge(items(time.Second, tt.spells...))
			sameLines(t, lines(out.Findings, schemas.RuleSitting), tt.want)
			if got := breaks(w, out); got != tt.breaks {
				t.Errorf("counted %d breaks, want %d", got, tt.breaks)
			}
		})
	}
}

func breaks(w *Wearer, out *Output) (n int) {
	for _, r := range out.Rollups {
		n += r.Breaks
	}
	open, _ := w.OpenMinute()
	return n + open.Breaks
}

// count is a reading of a device that counts the bout by itself.
type count struct{ at, sittingS int64 }

func TestSittingSeconds(t *testing.T) {
	tests := []struct {
		name    string
		counts  []count
		want    string
		sitting float32 // seconds in the rollups
	}{
		{"one reading in 10 minutes", []count{{0, 5}, {600, 605}, {1200, 1205}, {1800, 1805}}, `
			1200 opened1 since -5 for 1205
			1800 escalated2 since -5 for 1805`, 1800},
		{"the first reading is far into the bout", []count{{0, 3100}}, `
			0 opened1 since -3100 for 3100
			0 escalated2 since -3100 for 3100
			0 escalated3 since -3100 for 3100`, 0},
		{"exactly as long as the interval", []count{{0, 900}, {600, 600}}, `
			600 opened1 since -900 for 1500`, 600},
		{"a second less is a new bout", []count{{0, 1300}, {600, 599}}, `
			0 opened1 since -1300 for 1300
			600 closed1 since -1300 for 1300 unknown at 0`, 599},
		{"up in between", []count{{0, 1300}, {600, 120}, {1200, 720}, {1800, 1320}}, `
			0 opened1 since -1300 for 1300
			600 closed1 since -1300 for 1300 unknown at 0
			1800 opened1 since 480 for 1320`, 1320},
		{"off the seat", []count{{0, 1300}, {600, 0}, {1200, 0}}, `
			0 opened1 since -1300 for 1300
			600 closed1 since -1300 for 1300 unknown at 0`, 0},
		{"back on the seat before a long interval", []count{{0, 1140}, {1, 0}, {2, 0}, {32, 30}, {62, 60}}, `
			62 opened1 since -1140 for 1202`, 61},
		{"a quarter taken off before a long interval", []count{{0, 1140}, {5, 0}, {10, 0}, {15, 0}, {20, 0}, {25, 0}, {30, 0}, {35, 0}, {95, 60}, {395, 360}}, `
			395 opened1 since -1140 for 1218.75`, 365},
		{"longer than a bridge", []count{{0, 10}, {86401, 86411}}, `
			86401 opened1 since 0 for 86401
			86401 escalated2 since 0 for 86401
			86401 escalated3 since 0 for 86401`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list []schemas.Item
			for i, c := range tt.counts {
				list = append(list, schemas.Item{Reading: schemas.Reading{
					Seq: uint64(i), Time: day0 + c.at*1000, SittingS: uint32(c.sittingS),
					Fields: schemas.HasSittingS | schemas.IsWorn,
				}})
			}
			w, out := judge(list)
			sameLines(t, lines(out.Findings, schemas.RuleSitting), tt.want)
			var got float32
			for _, r := range out.Rollups {
				got += r.Sitting
			}
			if open, ok := w.OpenMinute(); ok {
				got += open.Sitting
			}
			if got != tt.sitting {
				t.Errorf("rollups have %g s of sitting, want %g", got, tt.sitting)
			}
		})
	}
}

// A quick device that counts by itself is judged as one that says sitting.
func TestSittingSecondsAtTwoHertz(t *testing.T) {
	list := items(500*time.Millisecond, upright(600), walking(9), upright(600), walking(130), upright(1260))
	_, want := judge(list)
	seated := uint32(0)
	for i := range list {
		r := &list[i].Reading
		if seated++; !r.Fields.Has(schemas.IsSitting) {
			seated = 0
		}
		r.Fields = r.Fields&^(schemas.HasSitting|schemas.IsSitting) | schemas.HasSittingS
		r.SittingS = (seated + 1) / 2
	}
	_, got := judge(list)
	if g, w := len(got.Findings), len(want.Findings); g != w || g == 0 {
		t.Fatalf("got %d findings, want %d", g, w)
	}
}
