// Package record moves the log into the time-series store: readings, marks of those
// that came too late to be judged, rollups, findings and what became of nudges.
//
// Where it is in the log stands in the store, in the same transaction as the
// data, and nowhere else: what the log's server thinks of a consumer plays no
// part. So nothing is stored twice after a crash and nothing is passed over.
//
// Beside the position stands which log it is of. A log that is another one, or that
// ends before the position, was replaced, or lost its end.
// The recorder then says so once, forgets the position and reads all that the
// log has: appends count by content, so what comes again changes nothing. It
// looks at that when it begins to read a stream, and again whenever sequences
// begin anew or nothing has come for a while.
//
// The log is the buffer. While the store fails, the recorder tries the same
// append again and reads no further, for hours if need be; that costs room in the
// log and nothing else. Its memory stays bounded by one append of each stream and
// the reader's queue, and Err says what is wrong. A message that cannot be decoded is logged, counted and
// passed over, so that it blocks nothing.
//
//	r, err := record.New(record.Options{Log: record.FromBus(b), Store: store, Registerer: registry, Logger: log})
//	err = r.Run(ctx)
//
// One goroutine follows each stream; appends take turns. A Recorder's methods
// are safe for concurrent use. The tests run on a real server and a real store.
package record
