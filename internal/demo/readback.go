package demo

import (
	"time"

	"sitwell/internal/series"
)

// remoteWait is how long an InfluxDB may take for what the embedded store does at once.
const remoteWait = 30 * time.Second

// patient is how long the store may take, which may be a server elsewhere.
func (d *Demo) patient(usual time.Duration) time.Duration {
	if d.o.App.Influx.URL != "" {
		return remoteWait
	}
	return usual
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
