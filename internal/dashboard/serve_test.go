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
	"sitwell/schemas"
)

// TestServe serves the page over a made-up office for as long as it is left
// running, for whoever works on the page:
//
//	SITWELL_ADDR=127.0.0.1:8091 go test -tags serve -run TestServe -timeout 0 ./internal/dashboard
func TestServe(t *testing.T) {
	now := time.Now()
	w := newWorld(t, now, staff(), func(o *Options) { o.Live = swaying{} })
	w.now = time.Now
	w.work(t, staff(), 28, now)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", os.Getenv("SITWELL_ADDR"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("open http://%s", l.Addr())
	server := &http.Server{Handler: w.Dashboard, ReadHeaderTimeout: time.Second}
	t.Fatal(server.Serve(l))
}

// swaying is a Live of somebody who slowly leans forward and comes back.
type swaying struct{}

func (swaying) Watch(ctx context.Context, _, _ schemas.ID) (<-chan LiveEvent, error) {
	events := make(chan LiveEvent)
	go func() {
		defer close(events)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		began := time.Now()
		for n := uint64(0); ; n++ {
			select {
			case <-ctx.Done():
				return
			case at := <-tick.C:
				s := at.Sub(began).Seconds()
				deg := 12 - 12*math.Cos(s/4) + 0.4*math.Sin(7*s)
				data, _ := json.Marshal(detect.Posture{
					Seq: n, Time: at.UnixMilli(), FlexionDeg: float32(deg), LeanDeg: float32(2 * math.Sin(s/3)), Shown: true, Known: true,
					MotionKnown: true, Sitting: true, SittingKnown: true, Worn: true, DwellS: float32(max(0, deg-15) * 3), BoutS: float32(1403 + s),
				})
				select {
				case events <- LiveEvent{KindPosture, data}:
				case <-ctx.Done():
				}
			}
		}
	}()
	return events, nil
}
