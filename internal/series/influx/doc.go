// Package influx is the time-series store in production: series.Store on an
// InfluxDB 2 server, in buckets of its own.
//
// Open opens it for a Role, each with a token that may do no more than the role
// needs; Setup makes the buckets and the three tokens. What an append writes is one
// point for each reading, minute, finding and decision, at a time that is a pure
// function of what the log holds, so that a replay overwrites and two readings of one
// millisecond do not. DESIGN.md, beside this file, tells the data model, the
// guarantees and the measurements.
//
// A Store is safe for concurrent use. Appends take turns, and so do replacements and
// erasures; queries run beside appends. One process appends: the position in the
// server is read at each append, but nothing keeps two of them apart.
//
// The suite in seriestest proves it on a real server, which package influxtest starts.
package influx
