package detect

import (
	"testing"
	"time"

	"sitwell/schemas"
)

// arrival is one item that comes in: of which device and boot, its place and
// its time in seconds after day0.
type arrival struct {
	device schemas.ID
	boot   uint32
	seq    uint64
	secs   float64
}

func take(w *Wearer, a arrival, out *Output) {
	b := &schemas.Batch{Org: org, Wearer: person, Device: a.device, Boot: a.boot}
	b.Items = []schemas.Item{{Reading: upright(0).reading(a.seq, day0+int64(a.secs*1000))}}
	w.Take(b, out)
}

func TestOrder(t *testing.T) {
	tests := []struct {
		name                            string
		arrivals                        []arrival
		judged                          []uint64 // sequence numbers in the order of judging
		duplicates, late, gaps, waiting int
	}{
		{name: "in order", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 6, 1}, {chest, 1, 7, 2}}, judged: []uint64{5, 6, 7}},
		{name: "from zero", arrivals: []arrival{{chest, 1, 0, 0}, {chest, 1, 1, 1}}, judged: []uint64{0, 1}},
		{name: "twice", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 5, 0}, {chest, 1, 5, 0}}, judged: []uint64{5}, duplicates: 2},
		{name: "from before the first", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 4, 0}, {chest, 1, 6, 1}}, judged: []uint64{5, 6}, late: 1},
		{name: "a hole that fills", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 8, 3}, {chest, 1, 7, 2}, {chest, 1, 6, 1}}, judged: []uint64{5, 6, 7, 8}, duplicates: 1},
		{name: "a hole stays for just under 2 minutes", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 8, 121.999}}, judged: []uint64{5}, waiting: 2},
		{name: "and is given up then", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 8, 122}, {chest, 1, 6, 1}}, judged: []uint64{5, 7, 8}, gaps: 1, late: 1},
		{name: "after a long pause too", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 601}, {chest, 1, 6, 600}}, judged: []uint64{5, 6, 7}},
		{name: "two holes, one overdue", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 9, 118}, {chest, 1, 10, 125}}, judged: []uint64{5, 7}, gaps: 1, waiting: 2},
		{name: "a device that loses readings is waited for 10 s", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 9, 118}, {chest, 1, 10, 128}}, judged: []uint64{5, 7, 9, 10}, gaps: 2},
		{name: "but not once what it lost has come", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 8, 122}, {chest, 1, 6, 1}, {chest, 1, 10, 123}, {chest, 1, 11, 134}}, judged: []uint64{5, 7, 8}, gaps: 1, late: 1, waiting: 2},
		{name: "nor long after", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 2}, {chest, 1, 8, 122}, {chest, 1, 1207, 123}, {chest, 1, 1208, 134}}, judged: []uint64{5, 7, 8}, gaps: 1, waiting: 2},
		{name: "time runs back a little", arrivals: []arrival{{chest, 1, 5, 120}, {chest, 1, 6, 0}, {chest, 1, 7, 121}}, judged: []uint64{5, 6, 7}},
		{name: "time runs back too far", arrivals: []arrival{{chest, 1, 5, 121}, {chest, 1, 6, 0}, {chest, 1, 7, 122}}, judged: []uint64{5, 7}, late: 1},
		{name: "a new boot", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 2, 0, 1}, {chest, 2, 1, 2}}, judged: []uint64{5, 0, 1}},
		{name: "a new boot ends the waiting of the old", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 1, 7, 1}, {chest, 2, 0, 2}}, judged: []uint64{5, 7, 0}, gaps: 1},
		{name: "an old boot is late", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 2, 0, 1}, {chest, 1, 6, 0.5}, {chest, 2, 1, 2}}, judged: []uint64{5, 0, 1}, late: 1},
		{name: "another device from the past is late", arrivals: []arrival{{chest, 1, 5, 121}, {spare, 1, 0, 0}, {chest, 1, 6, 122}}, judged: []uint64{5, 6}, late: 1},
		{name: "another device exactly 2 minutes behind is taken", arrivals: []arrival{{chest, 1, 5, 120}, {spare, 1, 0, 0}}, judged: []uint64{5, 0}},
		{name: "an old boot that repeats itself", arrivals: []arrival{{chest, 1, 5, 0}, {chest, 2, 0, 1}, {chest, 1, 5, 200}}, judged: []uint64{5, 0}, duplicates: 1},
		{name: "lateness is against the newest, not the last", arrivals: []arrival{{chest, 1, 5, 200}, {chest, 1, 6, 100}, {chest, 1, 7, 79}}, judged: []uint64{5, 6}, late: 1},
		{name: "a device comes back after the other fell silent", arrivals: []arrival{{chest, 1, 5, 0}, {spare, 1, 0, 1}, {chest, 1, 6, 100}, {chest, 1, 7, 121}, {chest, 1, 8, 122}}, judged: []uint64{5, 0, 7, 8}, late: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, out := NewWearer(org, person, Always(Defaults())), &Output{Trace: true}
			for _, a := range tt.arrivals {
				take(w, a, out)
			}
			var judged []uint64
			at := int64(0)
			for _, p := range out.Postures {
				judged = append(judged, p.Seq)
				if p.Time < at {
					t.Errorf("event time ran back to %d at seq %d", p.Time, p.Seq)
				}
				at = p.Time
			}
			if len(judged) != len(tt.judged) {
				t.Fatalf("judged %v, want %v", judged, tt.judged)
			}
			for i := range judged {
				if judged[i] != tt.judged[i] {
					t.Fatalf("judged %v, want %v", judged, tt.judged)
				}
			}
			if out.Judged != len(judged) || out.Duplicates != tt.duplicates || out.LateItems != tt.late || out.Gaps != tt.gaps || len(w.waiting) != tt.waiting {
				t.Errorf("judged %d, duplicates %d, late %d, gaps %d, waiting %d; want %+v",
					out.Judged, out.Duplicates, out.LateItems, out.Gaps, len(w.waiting), tt)
			}
		})
	}
}

// What a device sends again of a run before is a duplicate, and not marked as late,
// for as many runs as are remembered.
func TestRunsThatComeAgain(t *testing.T) {
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	for range 2 {
		for boot := range uint32(mostPast) {
			for seq := range uint64(3) {
				take(w, arrival{chest, boot, seq, float64(boot)*600 + float64(seq)}, out)
			}
		}
	}
	if out.LateItems != 0 || out.Duplicates != 3*mostPast || out.Judged != 3*mostPast {
		t.Errorf("judged %d, duplicates %d, late %d", out.Judged, out.Duplicates, out.LateItems)
	}
}

// A new run whose first item is behind what waits of the present one does not
// take over.
func TestALateRunDoesNotTakeOver(t *testing.T) {
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	take(w, arrival{chest, 1, 0, 0}, out)
	take(w, arrival{chest, 1, 2, 119}, out) // waits
	take(w, arrival{chest, 2, 0, -10}, out)
	if w.boot != 1 || out.LateItems != 1 {
		t.Errorf("boot %d, %d late", w.boot, out.LateItems)
	}
}

// Waiting is bounded: the item that would be one too many gives the hole up.
func TestWaitingIsBounded(t *testing.T) {
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	take(w, arrival{chest, 1, 0, 0}, out)
	for i := range uint64(mostWaiting - 1) {
		take(w, arrival{chest, 1, i + 2, 1}, out)
	}
	if out.Judged != 1 || len(w.waiting) != mostWaiting-1 {
		t.Fatalf("judged %d, waiting %d: the hole was given up early", out.Judged, len(w.waiting))
	}
	take(w, arrival{chest, 1, mostWaiting + 1, 1}, out)
	if out.Judged != mostWaiting+1 || w.waiting != nil || out.Gaps != 1 {
		t.Fatalf("judged %d, waiting %d, gaps %d: the hole was not given up", out.Judged, len(w.waiting), out.Gaps)
	}
}

// What waits is the wearer's own: the caller may reuse the batch.
func TestWaitingIsACopy(t *testing.T) {
	list := items(500*time.Millisecond, slouched(40))
	list[2].Event = &schemas.Event{Type: schemas.EventWorn, Worn: true}
	want, _ := judge(list)
	got, out := NewWearer(org, person, Always(Defaults())), &Output{}
	got.Take(batch(list[:1]), out)
	later := append([]schemas.Item(nil), list[2:]...)
	event := *list[2].Event
	later[0].Event = &event
	got.Take(batch(later), out)
	clear(later)
	event = schemas.Event{Type: schemas.EventWorn}
	got.Take(batch(list[1:2]), out)
	if got.rules != want.rules {
		t.Errorf("got %+v, want %+v", got.rules, want.rules)
	}
}

// A device that loses one reading in twenty is nudged while it still helps: a
// finding comes within some 20 s of event time.
func TestALossyDeviceIsJudgedInTime(t *testing.T) {
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	nudged := false
	for i, it := range items(500*time.Millisecond, upright(300), slouched(300)) {
		if i%20 == 19 {
			continue
		}
		out.Reset()
		w.Take(batch([]schemas.Item{it}), out)
		for _, f := range out.Findings {
			if f.Rule != schemas.RuleSlouch {
				continue
			}
			nudged = nudged || f.Step == schemas.Escalated
			if late := it.Time - f.Time.UnixMilli(); late > 20_000 {
				t.Errorf("%s was found %d ms of event time late", f.ID, late)
			}
		}
	}
	if !nudged {
		t.Error("nothing was worth a nudge")
	}
}
