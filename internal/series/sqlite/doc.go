// Package sqlite is the embedded time-series store: series.Store on SQLite files in
// a folder of its own.
//
//	index.db                  positions of streams, tombstones of erased wearers, the journal of
//	                          replacements, until when long episodes last; its lock is the store's
//	raw/2026-11-02.db         readings of a day, UTC, and marks of those that came too late
//	rollups/2026-11-02.db     minutes of a day
//	events/2026-11-02.db      episodes that start on a day, their findings, and decisions
//	office.db                 aggregates of groups
//	series.db                 refuses older builds, which had all in it
//
// Retention removes files of days. A damaged one can be moved away, and all but what is in it
// goes on; index.db cannot, since nobody would know who was erased.
//
// Readings are not rows. A row is a wearer's minute, a blob of segments, and a
// segment is what one append brought of one run of a device (its boot) in that
// minute. Hours that are over are sealed: their minutes become one row. Rows have
// one integer key, the wearer's number in the file and the minute. Findings are
// kept whole, each packed; marks of what came too late are spans of a run, merged
// as they come. DESIGN.md, one folder up, tells the layout, the guarantees and the
// measurements.
//
// A Store is safe for concurrent use. Changes take turns, in this process and others;
// queries run beside them on a few read-only connections, each on a snapshot of a file.
// A change is committed file by file, and the store's position last: after a crash, a file
// that is ahead skips what it has. What an append remembers of a file is dropped when
// another process has written, and when another file has taken its place.
//
// The suite in seriestest proves it, a process killed in mid-append included.
package sqlite
