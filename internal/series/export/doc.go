// Package export writes the whole record of a wearer: readings and events, minutes,
// episodes, findings with their receipts, and decisions about nudges.
//
//	err := export.JSONLines(ctx, w, store, extent, progress)
//	err := export.CSV(ctx, w, store, extent, progress)
//
// An extent is what series.Keeper.Wearers tells of a wearer. Both write as they read: memory
// is that of a day's minutes, episodes and decisions and of one episode's findings, however
// long the record is. The same record gives the same bytes. Times are UTC, with the
// fraction of a second that they have; names with their units are those of the devices'
// messages, but that acceleration is told by axis.
//
// JSON lines: one object a line, and "kind" says what it is. The first is a "record", that
// names whose it is and from when to when it is, if anything is stored, and the last one an "end" with how many of each there are: without it
// the file is not whole. In between, day by day, each "reading" and "event" by time, each
// "minute", each "episode" followed by its "finding"s, and each "decision". Nothing is lost.
//
// CSV: a zip with one table for each kind, because tables of different columns in one file
// are none that a spreadsheet reads, and because one file can be streamed, saved and sent.
// Files have the time of the record's end. A zip that is broken off has no directory and does not open. A cell of text that begins
// with = + - @, a tab or a line's end is prefixed with ', so that a spreadsheet takes it for
// a text; numbers are left as they are. Each table is a pass over the days of its own.
//
// What is not of a wearer alone, an office's aggregates, is not in it. Whoever calls sees
// to it that only who may ask gets an answer.
package export
