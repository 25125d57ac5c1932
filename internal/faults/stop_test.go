//go:build faults

package faults

import (
	"syscall"
	"testing"
	"time"
)

// A SIGTERM under load drains within ten seconds and exits 0; what was
// acknowledged is there after the next start.
func TestSIGTERMUnderLoad(t *testing.T) {
	p := newPlace(t, "")
	c := p.serve()
	p.enrol(20)
	f := p.fleet(0, 20, 1, time.Now().Add(-20*24*time.Hour))
	stop := f.pour(0, 10)
	eventually(t, "there is load", func() bool { return f.acknowledged() >= 5000 })
	took := c.stop()
	figure(t, "G8: SIGTERM under load drained in %s", took.Round(time.Millisecond))
	stop()
	p.serve()
	f.flush()
	p.check()
}

// A second SIGTERM ends the process at once, like kill -9, and that is as safe.
func TestSecondSIGTERMUnderLoad(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	c := p.serve()
	p.enrol(20)
	f := p.fleet(0, 20, 1, time.Now().Add(-20*24*time.Hour))
	stop := f.pour(0, 10)
	eventually(t, "there is load", func() bool { return f.acknowledged() >= 5000 })
	from := time.Now()
	c.signal(syscall.SIGTERM)
	// The handler is gone a moment after the first signal, or sitwell has ended.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-c.done:
			ended = true
		case <-tick.C:
			c.signal(syscall.SIGTERM)
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
	}
	if took := time.Since(from); took > slack {
		t.Errorf("two signals took %s to end it", took)
	}
	stop()
	p.serve()
	f.flush()
	p.check()
}
