package office

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/series"
)

type metrics struct {
	windows  *prometheus.CounterVec
	failures prometheus.Counter
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		windows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_office_windows_total", Help: "Windows of organisations whose figures were made, each as often as it was.",
		}, []string{"window", "outcome"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_office_failures_total", Help: "Times that figures of an organisation could not be made and are tried again.",
		}),
	}
	for _, c := range []prometheus.Collector{m.windows, m.failures} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the office: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(kind series.Window, suppressed bool) {
	outcome := "published"
	if suppressed {
		outcome = "suppressed"
	}
	m.windows.WithLabelValues(string(kind), outcome).Inc()
}
