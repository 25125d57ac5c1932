package notify

import (
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

func TestWaitsAreInTheOrderOfTheirTurns(t *testing.T) {
	due := nine()
	wait := func(seq uint64, after time.Duration, level int, severity schemas.Severity) waiting {
		return waiting{due: due.Add(after), finding: schemas.Finding{Level: level, Severity: severity}, msg: bus.Msg{Seq: seq}}
	}
	var w waits
	if got := w.before(9); w.due() != nil || got != 9 {
		t.Errorf("with none waiting all before %d is done", got)
	}
	for _, x := range []waiting{
		wait(5, 0, 2, schemas.Moderate), wait(6, 0, 2, schemas.Severe), wait(7, 0, 3, schemas.Severe), wait(8, -time.Second, 2, 0),
		wait(4, 0, 2, schemas.Moderate), wait(3, time.Second, 3, schemas.Severe),
	} {
		if !w.add(x) {
			t.Fatal("the list is full")
		}
	}
	if got := w.before(9); got != 2 {
		t.Errorf("all before %d is done, want 2", got)
	}
	for _, want := range []uint64{8, 7, 6, 4, 5, 3} {
		if got := w.take().msg.Seq; got != want {
			t.Errorf("it is the turn of %d, want %d", got, want)
		}
	}
}

func TestWaitsAreBounded(t *testing.T) {
	var w waits
	for i := range maxWaits {
		if !w.add(waiting{msg: bus.Msg{Seq: uint64(i)}}) {
			t.Fatalf("full with %d", i)
		}
	}
	if w.add(waiting{}) {
		t.Error("there is room for one more")
	}
}
