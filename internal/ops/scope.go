package ops

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Scope registers metrics that go when their owner does, so that who takes its
// place may register them again. It is safe for concurrent use.
type Scope struct {
	to prometheus.Registerer

	mu   sync.Mutex // guards mine
	mine []prometheus.Collector
}

var _ prometheus.Registerer = (*Scope)(nil)

// NewScope registers with another registerer.
func NewScope(to prometheus.Registerer) *Scope { return &Scope{to: to} }

// Register registers a collector.
func (s *Scope) Register(c prometheus.Collector) error {
	if err := s.to.Register(c); err != nil {
		return err //nolint:wrapcheck // callers look for the library's own errors
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mine = append(s.mine, c)
	return nil
}

// MustRegister registers collectors and panics where one cannot be.
func (s *Scope) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if err := s.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister takes a collector back.
func (s *Scope) Unregister(c prometheus.Collector) bool { return s.to.Unregister(c) }

// Close takes back all that were registered through the Scope.
func (s *Scope) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.mine {
		s.to.Unregister(c)
	}
	s.mine = nil
}
