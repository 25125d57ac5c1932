//go:build faults

package faults

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// pubackLimit is within what time 99 of 100 messages are acknowledged at 1,000
// messages a second.
const pubackLimit = 50 * time.Millisecond

// BenchmarkPUBACK measures from a device's publish to the broker's PUBACK, at
// 1,000 messages a second of 100 devices for 20 s, each message with a second of
// readings: alone, and while somebody looks at the dashboard all the time. Of
// both it gives the 50th and 99th percentile and the worst, in milliseconds.
func BenchmarkPUBACK(b *testing.B) {
	for b.Loop() {
		p := newPlace(b, "")
		p.serve()
		p.enrol(publishers)
		const last = 20 * time.Second
		calm := p.pubacks(0, last)
		var under []time.Duration
		p.watched(func() { under = p.pubacks(100_000, last) })
		b.ReportMetric(0, "ns/op")
		for name, took := range map[string][]time.Duration{"alone": calm, "dashboard": under} {
			b.ReportMetric(ms(quantile(took, 0.5)), name+"-p50-ms")
			b.ReportMetric(ms(quantile(took, 0.99)), name+"-p99-ms")
			b.ReportMetric(ms(took[len(took)-1]), name+"-max-ms")
		}
		figure(b, "G6: %s", words(calm, last))
		figure(b, "G6: under dashboard load %s, the 99th percentile by a factor of %.2f",
			words(under, last), float64(quantile(under, 0.99))/float64(quantile(calm, 0.99)))
	}
}

// Looking at the dashboard does not hold ingest up: turn by turn devices are
// alone and watched, so that what else the machine does falls on both.
func TestDashboardUnderIngestLoad(t *testing.T) {
	p := newPlace(t, "")
	p.serve()
	p.enrol(publishers)
	turn := 2 * time.Second
	if !testing.Short() {
		turn = 10 * time.Second
	}
	alone, with, asked := time.Hour, time.Hour, 0
	for round := range 3 {
		calm := p.pubacks(2*round*100_000, turn)
		var under []time.Duration
		asked += p.watched(func() { under = p.pubacks((2*round+1)*100_000, turn) })
		figure(t, "G6: %s", words(calm, turn))
		figure(t, "G6: under dashboard load %s", words(under, turn))
		alone, with = min(alone, quantile(calm, 0.99)), min(with, quantile(under, 0.99))
	}
	figure(t, "G6: the 99th percentile of the best turn is %.1f ms alone and %.1f ms under dashboard load (%d answers)", ms(alone), ms(with), asked)
	if with > 2*alone+pubackLimit {
		t.Errorf("the 99th percentile rose from %s to %s", alone, with)
	}
	if asked < 100 {
		t.Errorf("the dashboard answered %d times: that is no load", asked)
	}
	p.settle()
}

const (
	publishers = 100
	perSecond  = 1000
)

// pubacks publishes perSecond messages a second from publishers devices for a
// while, from a second of their day on, and returns how long each acknowledgement
// took, sorted. A device that waits for an acknowledgement publishes nothing else,
// so a slow broker gets fewer.
func (p *place) pubacks(from int, last time.Duration) []time.Duration {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), last+patience)
	defer cancel()
	base := time.Now().Add(-5 * 24 * time.Hour).Truncate(time.Second)
	end := time.Now().Add(last)
	every := publishers * time.Second / perSecond
	took := make([][]time.Duration, publishers)
	errs := make([]error, publishers)
	var work sync.WaitGroup
	for i := range publishers {
		work.Go(func() {
			c, err := dialMQTT(ctx, p.mqttAt, fmt.Sprintf("publisher-%d", i))
			if err != nil {
				errs[i] = err
				return
			}
			defer c.close()
			wait(ctx, every*time.Duration(i)/publishers)
			tick := time.NewTicker(every)
			defer tick.Stop()
			for k := 0; time.Now().Before(end); k++ {
				body := payload(1, time.Now(), day(i, base, from+k, from+k+1))
				at := time.Now()
				if errs[i] = c.publish(ctx, topicOf(band(i)), body); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(at))
				<-tick.C
			}
		})
	}
	work.Wait()
	for _, err := range errs {
		must(p.t, err)
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return all
}

// watched looks at the pages of viewers' wearers and at the office's figures, as
// ten people do who reload all the time, while do runs. It returns how many
// answers there were.
func (p *place) watched(do func()) int {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	const viewers = 10
	counts := make([]int, viewers)
	for i := range counts {
		work.Go(func() {
			for ctx.Err() == nil {
				for _, path := range []string{"/day", "/episodes?" + hours(6), "/nudges?" + hours(6), "/rollups?" + hours(6)} {
					status, _, err := get(ctx, p.http()+"/api/v1/orgs/acme/wearers/"+wearer(i).String()+path)
					if err == nil && status == 200 {
						counts[i]++
					}
				}
				_, _, _ = get(ctx, p.http()+"/api/v1/orgs/acme/office")
				wait(ctx, 200*time.Millisecond)
			}
		})
	}
	do()
	cancel()
	work.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func hours(n int) string {
	now := time.Now()
	return span(now.Add(-time.Duration(n)*time.Hour), now).Encode()
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func words(sorted []time.Duration, last time.Duration) string {
	return fmt.Sprintf("%d PUBACKs, %.0f/s of %d/s: p50 %.1f ms, p99 %.1f ms, max %.1f ms", len(sorted), float64(len(sorted))/last.Seconds(), perSecond,
		ms(quantile(sorted, 0.5)), ms(quantile(sorted, 0.99)), ms(sorted[len(sorted)-1]))
}
