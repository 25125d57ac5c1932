package record

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	readings, duplicates prometheus.Counter
	appendSeconds        prometheus.Histogram
	refused              *prometheus.CounterVec
	missing, failures    *prometheus.CounterVec
	rewinds              *prometheus.CounterVec
	lag                  *prometheus.GaugeVec
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		readings: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_record_readings_total", Help: "Readings and events stored, each once.",
		}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_record_duplicates_total", Help: "Readings and events that were stored already and dropped.",
		}),
		appendSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sitwell_record_append_seconds", Help: "Time of an append to the store.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_record_refused_total", Help: "Messages of the log that could not be stored and were passed over.",
		}, []string{"stream", "reason"}),
		missing: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_record_missing_total", Help: "Messages that were gone from the log before they were stored.",
		}, []string{"stream"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_record_failures_total", Help: "Attempts to read the log or to store that failed and are repeated.",
		}, []string{"stream"}),
		rewinds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_record_rewinds_total", Help: "Times that the log was found replaced or damaged and was read from its beginning.",
		}, []string{"stream"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sitwell_record_lag", Help: "Messages of the log that are not stored yet.",
		}, []string{"stream"}),
	}
	for _, c := range []prometheus.Collector{m.readings, m.duplicates, m.appendSeconds, m.refused, m.missing, m.failures, m.rewinds, m.lag} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the recorder: %w", err)
		}
	}
	return m, nil
}
