package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
)

// Store is a series.Store on an InfluxDB server.
type Store struct {
	o      Options
	log    *slog.Logger
	client influxdb2.Client
	http   *http.Client // what client uses: it adds the token
	orgID  string       // of Options.Org
	closed atomic.Bool
	longer map[bucket]bool // that keep longer than Options say; set by Open alone

	patience patience // with a busy server

	// writes is held by whoever writes: Append, Rewind, Replace, Erase, Retain and
	// PutAggregates take turns.
	writes sync.Mutex
	// What follows is guarded by writes.
	state *state // what is stored in the bucket of that name, nil if it is not known
	names names  // whom something is stored of, nil if it is not known
	lanes [laneCount]*lane

	refuses sync.Mutex // one call of Options.Refuse at a time

	// replaced is held for reading by queries, and for writing while Replace or Erase
	// have taken something away and are not done.
	replaced sync.RWMutex

	// journal says that there may be a replacement to be finished: whoever writes or asks does
	// that first. It is set by whoever holds writes.
	journal atomic.Bool
	hints   hints // of episodes that were read
}

// Open connects to a server and checks that all the role needs is there and allowed. For
// Record it makes the buckets that are missing, where the token may do that, and gives
// them the retention of Options. The error names which of URL, organisation, bucket and
// token is at fault.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open the store on InfluxDB: %w", err)
	}
	s := connect(o)
	if err := s.checkAll(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store on InfluxDB: %w", err), s.Close())
	}
	if err := s.resume(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store on InfluxDB: %w", err), s.Close())
	}
	return s, nil
}

func connect(o Options) *Store {
	s := &Store{o: o, longer: map[bucket]bool{}, log: o.Logger, http: newHTTP(o.Token)}
	s.client = influxdb2.NewClientWithOptions(o.URL, "", influxdb2.DefaultOptions().SetHTTPClient(s.http).SetApplicationName("sitwell").SetLogLevel(0))
	for i := range s.lanes {
		s.lanes[i] = newLane(s)
	}
	return s
}

// bucket is the name of a bucket in the server.
func (s *Store) bucket(b bucket) string { return s.o.Prefix + "_" + string(b) }

// Close lets go of the connections. Nothing is buffered.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.client.Close()
	s.http.CloseIdleConnections()
	return nil
}
