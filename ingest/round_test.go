package ingest

import (
	"context"
	"testing"
	"time"
)

func nobody(int) {}

func TestWhatIsUnderWayIsBoundedByItsBytes(t *testing.T) {
	r, large := newRound(), make([]byte, 4<<20)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var payloads int64
	for r.take(ended, "a", large, time.Now(), nobody) || payloads < inboxBytes/2 {
		if payloads += int64(len(large)); payloads > inboxBytes {
			t.Fatalf("%d bytes are under way", payloads)
		}
	}
	taken := make(chan bool, 1)
	go func() { taken <- r.take(t.Context(), "a", large, time.Now(), nobody) }()
	(<-r.in).delivery.finish() // acknowledged
	if !<-taken {
		t.Error("not taken, and there is room")
	}
}

func TestAMessageLargerThanTheBoundIsTakenAlone(t *testing.T) {
	r := newRound()
	if !r.take(t.Context(), "a", make([]byte, inboxBytes+1), time.Now(), nobody) {
		t.Error("not taken")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r.take(ended, "a", []byte("x"), time.Now(), nobody) {
		t.Error("more is taken")
	}
}

func TestWhoWaitsForRoomIsToldThatTheRoundEnds(t *testing.T) {
	r := newRound()
	for range inbox {
		if !r.take(t.Context(), "a", nil, time.Now(), nobody) {
			t.Fatal("not taken")
		}
	}
	taken := make(chan bool, 1)
	go func() { taken <- r.take(t.Context(), "a", nil, time.Now(), nobody) }()
	r.end()
	if <-taken {
		t.Error("taken by a round that has ended")
	}
	if r.take(t.Context(), "a", nil, time.Now(), nobody) {
		t.Error("taken after the end")
	}
}

func TestARoundFollowsTheOneThatEnded(t *testing.T) {
	rs := newRounds()
	first, err := rs.wait(t.Context())
	if err != nil || first != rs.current() {
		t.Fatalf("the present round: %v", err)
	}
	first.end()
	next := make(chan *round, 1)
	go func() {
		r, _ := rs.wait(t.Context())
		next <- r
	}()
	rs.begin()
	if r := <-next; r == nil || r == first || r != rs.current() {
		t.Error("not the next round")
	}
	rs.current().end()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rs.wait(ended); err == nil {
		t.Error("no round goes on, and one was given")
	}
}
