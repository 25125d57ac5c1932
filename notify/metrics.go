package notify

import "github.com/prometheus/client_golang/prometheus"

// metrics count decisions. They carry no wearer.
type metrics struct {
	decisions    *prometheus.CounterVec
	ambiguous    prometheus.Counter
	strayReplies prometheus.Counter
	damaged      prometheus.Counter
	latency      prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_notify_decisions_total", Help: "Decisions about nudges by action and the stage that held them.",
		}, []string{"action", "held_by"}),
		ambiguous: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_notify_ambiguous_total", Help: "Nudges of which nobody knows whether they were sent, each counted once, whatever is read again.",
		}),
		strayReplies: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_notify_stray_replies_total", Help: "Answers to a nudge that is unknown or expired.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sitwell_notify_damaged_total", Help: "Messages of the log that could not be read.",
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sitwell_notify_latency_seconds",
			Help:    "From the event time of the reading that proved a finding to its nudge at the broker, buffers and waiting included.",
			Buckets: []float64{.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 120},
		}),
	}
	reg.MustRegister(m.decisions, m.ambiguous, m.strayReplies, m.damaged, m.latency)
	return m
}
