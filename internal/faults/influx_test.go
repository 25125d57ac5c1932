//go:build faults

package faults

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series/influx/influxtest"
)

// InfluxDB is killed while an hour of readings comes in: that costs sitwell, which
// records in the same process, nothing but disk; nudges go out as ever; once the
// server is back it catches up by itself.
func TestInfluxAwayForAnHour(t *testing.T) {
	p := onInflux(t, influxtest.New(t))
	wearers := size(0, 12, 60)
	c := p.serve()
	p.enrol(wearers + 1)
	f := p.fleet(0, wearers, 1, time.Now().Add(-3*time.Hour))
	// An hour with the store there: so fast a feed takes memory of its own.
	const hourly = 3600
	f.all(0, hourly, 60)
	p.settle()
	before := c.memory()
	p.server.Kill(t)

	fed := time.Now()
	f.all(hourly, 2*hourly, 60)
	hour := time.Since(fed)
	// Somebody slouches just now, and is nudged though the store is away.
	const ago = 150 * time.Second
	base, begins := slouchSince(wearers, time.Now().Add(-ago))
	fresh := p.fleet(wearers, 1, 1, base)
	fresh.all(0, begins+int(ago.Seconds()), 10)
	took := eventually(t, "a nudge arrives while InfluxDB is away", func() bool { return len(fresh.nudged()) > 0 })
	p.reddens("store")
	after := c.memory()

	p.server.Restart(t)
	back := time.Now()
	p.greens()
	p.settle()
	caught := time.Since(back)
	figure(t, "G7 on InfluxDB: an hour of %d wearers' readings (%d) fed in %s while it was away: memory %d -> %d MB, nudged %s after the slouch, caught up in %s",
		wearers, wearers*hourly, hour.Round(time.Second), before, after, took.Round(time.Millisecond), caught.Round(time.Millisecond))
	if after-before > 50 {
		t.Errorf("memory grew from %d to %d MB", before, after)
	}
	p.check()
	c.runs()
}

// InfluxDB hangs, with its connections open: devices are acknowledged as ever, and a
// SIGTERM drains in time though what is under way does not come back.
func TestInfluxHangs(t *testing.T) {
	t.Parallel()
	p := onInflux(t, influxtest.New(t))
	c := p.serve()
	p.enrol(4)
	f := p.fleet(0, 4, 1, time.Now().Add(-3*time.Hour))
	f.all(0, 600, 60)
	p.settle()
	p.server.Pause(t)
	f.all(600, 1800, 60)
	took := c.stop()
	figure(t, "SIGTERM while InfluxDB hangs drained in %s", took.Round(time.Millisecond))
	p.server.Resume(t)
	c = p.serve()
	f.all(1800, 2400, 60)
	p.check()
	c.runs()
}

// The server stores what it is sent and its answer does not arrive: it is sent again,
// once, and nothing counts twice.
func TestInfluxAnswerLost(t *testing.T) {
	t.Parallel()
	p := onInflux(t, influxtest.Start(t))
	g := gateTo(t, p.server.URL)
	p.url = g.URL
	p.serve()
	p.enrol(4)
	f := p.fleet(0, 4, 1, time.Now().Add(-3*time.Hour))
	const most = 5
	lost := make(chan digest, most) // room for those that get no answer
	g.from(func(w http.ResponseWriter, write digest, again bool, pass func(http.ResponseWriter)) bool {
		if again {
			return false
		}
		select {
		case lost <- write:
		default:
			return false
		}
		answer := httptest.NewRecorder()
		pass(answer)
		if answer.Code != http.StatusNoContent {
			t.Errorf("the server answers %d: %s", answer.Code, answer.Body)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		_ = conn.Close()
		return true
	})
	f.all(0, 1800, 60)
	p.settle()
	if n := len(lost); n != most {
		t.Errorf("%d writes got no answer, want %d: this proves nothing", n, most)
	}
	close(lost)
	for write := range lost {
		if n := g.times(write); n != 2 {
			t.Errorf("a write that got no answer came %d times, want twice", n)
		}
	}
	p.check()
	if n, _ := p.quarantined(); n > 0 {
		t.Errorf("%d messages are in quarantine", n)
	}
}

// A server that is busy says for how long it wants to be left alone: no more than what was
// under way comes in that time, and then all is stored.
func TestInfluxBusy(t *testing.T) {
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			p := onInflux(t, influxtest.Start(t))
			g := gateTo(t, p.server.URL)
			p.url = g.URL
			p.serve()
			p.enrol(4)
			f := p.fleet(0, 4, 1, time.Now().Add(-3*time.Hour))
			const after = 3 * time.Second
			refused := make(chan time.Time, 1000)
			var first sync.Once // sets until
			var until time.Time
			g.from(func(w http.ResponseWriter, _ digest, _ bool, _ func(http.ResponseWriter)) bool {
				first.Do(func() { until = time.Now().Add(after) })
				if time.Now().After(until) {
					return false
				}
				refused <- time.Now()
				w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
				http.Error(w, "later", code)
				return true
			})
			f.all(0, 1800, 60)
			p.settle()
			if n := len(refused); n < 1 || n > underWay {
				t.Errorf("%d writes came before the server's time was over, want 1 to %d", n, underWay)
			}
			p.check()
		})
	}
}

// underWay is how many writes the store sends at a time.
const underWay = 2

// The server takes a part of what it is sent and refuses the rest for good: that is put
// into quarantine, all else is stored, and nothing waits.
func TestInfluxRefusesAPart(t *testing.T) {
	t.Parallel()
	p := onInflux(t, influxtest.Start(t))
	c := p.serve()
	p.enrol(2)
	// From midnight on the server has a text where the trunk's pitch should be: there it
	// refuses what is none. A shard of the bucket is a day.
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)
	p.line("raw", "readings,wearer=nobody pitch=\"a text\" "+strconv.FormatInt(midnight.Add(time.Hour).UnixNano(), 10))
	const half = 600
	f := p.fleet(0, 2, 1, midnight.Add(-half*time.Second))
	f.all(0, 2*half, 60)
	p.settle()
	for i := range 2 {
		before, behind := p.stored(i, midnight.Add(-time.Hour), midnight), p.stored(i, midnight, midnight.Add(time.Hour))
		if len(before) != half || len(behind) != 0 {
			t.Errorf("of wearer %d %d and %d readings are stored before and behind midnight, want %d and none", i, len(before), len(behind), half)
		}
	}
	messages, readings := p.quarantined()
	if readings != 2*half || messages > 2*half/20 {
		t.Errorf("%d readings in %d messages are in quarantine, want %d in at most %d", readings, messages, 2*half, 2*half/20)
	}
	figure(t, "of %d readings the server refused %d for good, %d messages in quarantine", 4*half, readings, messages)
	c.runs()
	p.greens()
}

// The recorder's token is revoked: sitwell says so, devices are acknowledged as ever,
// nothing goes into quarantine, and a new token in the same file is enough to go on.
func TestInfluxTokenRevoked(t *testing.T) {
	t.Parallel()
	p := onInflux(t, influxtest.Start(t))
	c := p.serve()
	p.enrol(4)
	f := p.fleet(0, 4, 1, time.Now().Add(-3*time.Hour))
	f.all(0, 600, 60)
	p.settle()
	p.revoke("record")
	f.all(600, 1800, 60)
	p.reddens("store", "token")
	if n, _ := p.quarantined(); n > 0 {
		t.Errorf("%d messages are in quarantine", n)
	}
	must(t, os.Rename(filepath.Join(p.setup("again"), "record"), filepath.Join(p.tokens, "record")))
	figure(t, "ready again %s after there is a new token", p.greens().Round(time.Millisecond))
	p.check()
	if n, _ := p.quarantined(); n > 0 {
		t.Errorf("%d messages are in quarantine", n)
	}
	c.runs()
}

// revoke removes the token of a role.
func (p *influxPlace) revoke(role string) {
	p.t.Helper()
	var list struct {
		Authorizations []struct{ ID, Description string }
	}
	p.call(http.MethodGet, "/api/v2/authorizations?org="+url.QueryEscape(p.server.Org), nil, &list)
	n := 0
	for _, a := range list.Authorizations {
		if a.Description == p.prefix+" "+role {
			p.call(http.MethodDelete, "/api/v2/authorizations/"+a.ID, nil, nil)
			n++
		}
	}
	if n != 1 {
		p.t.Fatalf("%d tokens of role %s were revoked, want 1", n, role)
	}
}
