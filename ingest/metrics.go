package ingest

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what ingest does.
type Metrics struct {
	messages      *prometheus.CounterVec
	readings      prometheus.Counter
	refused       *prometheus.CounterVec
	unknownFields prometheus.Counter
	bestEffort    prometheus.Counter
	stale         prometheus.Counter
	retries       prometheus.Counter
}

// NewMetrics registers ingest's counters.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_ingest_messages_total", Help: "MQTT messages by kind.",
		}, []string{"kind"}),
		readings: counter("sitwell_ingest_readings_total", "Readings and events packed for the log, repetitions included."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_ingest_refused_total", Help: "Readings and events that went to quarantine, by reason.",
		}, []string{"reason"}),
		unknownFields: counter("sitwell_ingest_unknown_fields_total", "JSON fields ignored because this build does not know them."),
		bestEffort:    counter("sitwell_ingest_qos0_total", "Messages published at QoS 0, which nobody acknowledges."),
		stale:         counter("sitwell_ingest_retained_answers_total", "Retained answers to nudges, which are ignored: a broker repeats them."),
		retries:       counter("sitwell_ingest_log_retries_total", "Writes to the log that had to be repeated."),
	}
	reg.MustRegister(m.messages, m.readings, m.refused, m.unknownFields, m.bestEffort, m.stale, m.retries)
	return m
}
