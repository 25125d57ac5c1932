//go:build faults

package faults

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// storm is thousands of MQTT clients that connect at the same moment. Each
// publishes a reading of one of some wearers' devices.
type storm struct {
	p          *place
	n, wearers int
	base       time.Time
}

// blow connects them all, trying again until each has its acknowledgement, and
// returns how long that took. Each round publishes later readings.
func (s *storm) blow(round int) time.Duration {
	s.p.t.Helper()
	from := time.Now()
	ctx, cancel := context.WithTimeout(s.p.t.Context(), 3*time.Minute)
	defer cancel()
	// All devices of a wearer's publish in turn, as one reading follows another.
	perWearer := s.n / s.wearers
	var all sync.WaitGroup
	clients := make([]*rawClient, s.n)
	errs := make([]error, s.n)
	for i := range s.n {
		all.Go(func() { clients[i], errs[i] = s.persist(ctx, i) })
	}
	all.Wait()
	for w := range s.wearers {
		all.Go(func() {
			for k := range perWearer {
				i := w*perWearer + k
				if errs[i] == nil {
					clients[i], errs[i] = s.reading(ctx, clients[i], i, w, round*perWearer+k)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(from)
	for i, err := range errs {
		if err != nil {
			s.p.t.Fatalf("client %d: %v", i, err)
		}
		clients[i].close()
	}
	return took
}

// persist connects until it succeeds.
func (s *storm) persist(ctx context.Context, i int) (*rawClient, error) {
	const pause = 200 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		c, err := dialMQTT(attempt, s.p.mqttAt, fmt.Sprintf("storm-%d", i))
		cancel()
		if err == nil {
			return c, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// reading publishes second k of a wearer until it is acknowledged.
func (s *storm) reading(ctx context.Context, c *rawClient, i, w, k int) (*rawClient, error) {
	items := day(w, s.base, k*10, k*10+10)
	s.p.ledger.Sent(acme, wearer(w), band(w), 1, items)
	for {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := c.publish(attempt, topicOf(band(w)), payload(1, time.Now(), items))
		cancel()
		if err == nil {
			return c, s.p.ledger.Acked(acme, wearer(w), band(w), 1, items)
		}
		if ctx.Err() != nil {
			return c, err
		}
		c.close()
		if c, err = s.persist(ctx, i); err != nil {
			return nil, err
		}
	}
}
