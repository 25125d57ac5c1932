package demo

import (
	"time"

	"sitwell/internal/series"
)

// fluxWait is how long an InfluxDB may take to count what it has.
const fluxWait = 30 * time.Second

// countWait is how long the store may take to be counted.
func (d *Demo) countWait() time.Duration {
	if d.o.App.Influx.URL != "" {
		return fluxWait
	}
	return countWait
}

// readBack prints what an InfluxDB has of this demo, as Flux gives it back, beside what
// devices were acknowledged.
func (d *Demo) readBack(acknowledged int64, is series.Stats) {
	if d.o.App.Influx.URL == "" {
		return
	}
	of := func(is, was int64) int64 { return is - was }
	readings, minutes := of(is.Readings, d.before.Readings), of(is.Rollups, d.before.Rollups)
	episodes, findings, decisions := of(is.Episodes, d.before.Episodes), of(is.Findings, d.before.Findings), of(is.Decisions, d.before.Decisions)
	d.say.Line("read_back", fields{
		"influx": d.o.App.Influx.URL, "acknowledged": acknowledged, "readings": readings, "minutes": minutes, "episodes": episodes,
		"findings": findings, "decisions": decisions, "before": d.before.Readings,
	}, `read back from InfluxDB by Flux, besides what was there before:
  %10s  readings and events, of %s acknowledged
  %10s  minutes
  %10s  episodes, told by %s findings
  %10s  decisions about nudges`,
		thousands(readings), thousands(acknowledged), thousands(minutes), thousands(episodes), thousands(findings), thousands(decisions))
}
