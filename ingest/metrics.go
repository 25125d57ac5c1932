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
	stalls        prometheus.Counter
	repeated      prometheus.Counter
	connected     prometheus.Gauge
	lost          prometheus.Counter
	corrected     prometheus.Counter
	fixed         prometheus.Counter
	suspect       prometheus.Gauge
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
		stalls:        counter("sitwell_ingest_stalls_total", "How often ingest left the broker because the log took nothing."),
		repeated:      counter("sitwell_ingest_repeated_total", "Messages the broker repeated while they were under way, which are taken once."),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sitwell_ingest_session_connected", Help: "1 while the connection to the MQTT broker stands.",
		}),
		lost:      counter("sitwell_ingest_sessions_lost_total", "Sessions that the MQTT broker had forgotten, with what it kept in them."),
		corrected: counter("sitwell_ingest_clock_corrected_total", "Readings and events dated by a device clock that is ahead, and corrected."),
		fixed:     counter("sitwell_ingest_clock_offsets_total", "Runs of devices whose clock was ahead and got an offset."),
		suspect: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sitwell_ingest_clock_suspect", Help: "Runs of devices, among those lately heard of, whose clock seems to be behind. It is not corrected.",
		}),
	}
	reg.MustRegister(m.messages, m.readings, m.refused, m.unknownFields, m.bestEffort, m.stale, m.retries,
		m.stalls, m.repeated, m.connected, m.lost, m.corrected, m.fixed, m.suspect)
	return m
}
