// Package sqlite is the embedded time-series store: series.Store on one SQLite
// file, series.db, in a folder of its own.
//
// Readings are not rows. A row is a wearer's minute, a blob of segments, and a
// segment is what one append brought of one run of a device (its boot) in that
// minute. Rows have one integer key, the wearer's number and the minute, so a
// day is one range of the tree. Findings are kept whole, each packed; marks of
// what came too late are spans of a run, merged as they come. DESIGN.md, one folder up, tells the layout, the
// guarantees and the measurements.
//
// A Store is safe for concurrent use. Appends take turns on one connection;
// queries run beside them on a few read-only ones, each on a snapshot. Two
// processes may even open one file: what an append remembers of the file is
// dropped when somebody else has written to it.
//
// The suite in seriestest proves it, a process killed in mid-append included.
package sqlite
