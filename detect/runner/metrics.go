package runner

import (
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
)

// metrics count what detection does.
type metrics struct {
	judged, duplicates, late, gaps, damaged, contradictions prometheus.Counter
	findings                                                *prometheus.CounterVec
	owned                                                   prometheus.Gauge
	takeovers, fenced                                       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		judged:         counter("sitwell_detect_judged_total", "Readings and events judged."),
		duplicates:     counter("sitwell_detect_duplicates_total", "Readings dropped because their sequence had been judged."),
		late:           counter("sitwell_detect_late_total", "Readings stored but not judged, because newer ones had been."),
		gaps:           counter("sitwell_detect_gaps_total", "Holes in a device's sequence that were given up."),
		damaged:        counter("sitwell_detect_damaged_total", "Records of the log that could not be read."),
		contradictions: counter("sitwell_detect_contradictions_total", "Readings of which two fields cannot both be true."),
		owned: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sitwell_detect_partitions", Help: "Partitions that this detector judges.",
		}),
		takeovers: counter("sitwell_detect_takeovers_total", "Partitions taken over from another run of a detector."),
		fenced:    counter("sitwell_detect_fenced_total", "Partitions let go of because another detector had taken them over."),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_detect_findings_total", Help: "Findings by rule and step.",
		}, []string{"rule", "step"}),
	}
	reg.MustRegister(m.judged, m.duplicates, m.late, m.gaps, m.damaged, m.contradictions, m.findings, m.owned, m.takeovers, m.fenced)
	return m
}

func (m *metrics) count(out *detect.Output) {
	m.judged.Add(float64(out.Judged))
	m.duplicates.Add(float64(out.Duplicates))
	m.late.Add(float64(out.LateItems))
	m.gaps.Add(float64(out.Gaps))
	m.contradictions.Add(float64(out.Contradictions))
}
