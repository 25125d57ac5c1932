//go:build serve

package dashboard

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// TestServe serves the page over a made-up office for as long as it is left
// running, for whoever works on the page:
//
//	SITWELL_ADDR=127.0.0.1:8091 go test -tags serve -run TestServe -timeout 0 ./internal/dashboard
func TestServe(t *testing.T) {
	now := time.Now()
	w := newWorld(t, now, staff(), func(o *Options) { o.Live = swaying{o.Store.(series.Store)} })
	w.now = time.Now
	w.work(t, staff(), 28, now)
	w.make(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", os.Getenv("SITWELL_ADDR"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("open http://%s", l.Addr())
	server := &http.Server{Handler: w.Dashboard, ReadHeaderTimeout: time.Second}
	t.Fatal(server.Serve(l))
}

// swaying is a Live of somebody who slowly leans forward and comes back. What they
// did in the minute before they are watched is stored.
type swaying struct{ store series.Store }

func flexionAt(at time.Time) float64 {
	s := float64(at.UnixMilli()%1e7) / 1000
	return 12 - 12*math.Cos(s/4) + 0.4*math.Sin(7*s)
}

func (s swaying) Watch(ctx context.Context, org, wearer schemas.ID) (<-chan LiveEvent, error) {
	began := time.Now()
	if err := s.remember(ctx, org, wearer, began); err != nil {
		return nil, err
	}
	events := make(chan LiveEvent)
	go func() {
		defer close(events)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case at := <-tick.C:
				data, _ := json.Marshal(swayed(at, began))
				select {
				case events <- LiveEvent{KindPosture, data}:
				case <-ctx.Done():
				}
			}
		}
	}()
	return events, nil
}

func swayed(at, began time.Time) detect.Posture {
	deg, bout := flexionAt(at), 1403+at.Sub(began).Seconds()
	return detect.Posture{
		Seq: uint64(at.UnixMilli()), Time: at.UnixMilli(), FlexionDeg: float32(deg), Shown: true, Known: true,
		MotionKnown: true, Sitting: true, SittingKnown: true, Worn: true, DwellS: float32(max(0, deg-15) * 3), BoutS: float32(bout),
	}
}

// remember stores a reading a second of the minute before now.
func (s swaying) remember(ctx context.Context, org, wearer schemas.ID, now time.Time) error {
	b := schemas.Batch{Org: org, Wearer: wearer, Device: wearer, Boot: 1, Received: now.UnixMilli()}
	for at := now.Add(-time.Minute).Truncate(time.Second); at.Before(now); at = at.Add(time.Second) {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: uint64(at.Unix()), Time: at.UnixMilli(), TrunkPitch: schemas.Tenths(flexionAt(at)),
			Fields: schemas.HasTrunk | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}})
	}
	_, err := s.store.Append(ctx, series.Batch{Stream: schemas.StreamReadings, Seq: uint64(now.UnixNano()), Readings: []schemas.Batch{b}})
	return err
}
