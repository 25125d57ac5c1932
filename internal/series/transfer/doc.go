// Package transfer copies a time-series store into another one, of whatever kind,
// through the contract alone.
//
//	report, err := transfer.Copy(ctx, transfer.Options{From: a, To: b, Progress: show})
//
// It goes by units, a wearer's UTC day each, the oldest day first, and then by each
// organisation's aggregates. How far it is stands in the destination itself, as the
// position of the stream "copy" whose log is a fingerprint of the plan: a copy that was
// broken off, however, goes on where it was, and one of a source that has got other
// wearers or days since begins anew, which doubles nothing.
//
// Where the log is stored up to is read before all else and written after all else, when
// the copy was verified: a recorder that is put on the destination goes on where the
// source was, and reads again what came meanwhile. The destination must not have been
// filled from another log.
//
// Verified means that both stores are read again, unit by unit, and counted; a unit of
// which the destination has less is copied once more, which puts right what changed
// under a copy of a store in use. What the destination dropped then, because it was
// erased there, is older than it keeps or is refused, is counted and is no difference.
// Options.Exact compares the contents, too.
//
// What goes along: readings and events with their late marks, minutes, findings, and so
// episodes, decisions, aggregates, positions. What cannot: late marks of readings that
// are not stored, which readings came first, and tombstones: of wearers erased in the
// source there is nothing to copy, but where the log may still hold something of them,
// erase them in the destination, too, before it is read again. Report.Gone names those
// whom the destination has and the source has not.
//
// An episode that has no findings, as the earliest builds stored them, gets one that
// tells what is known of it.
//
// Memory is that of one append, of some 4 MB, of the names of all wearers, and of one
// organisation's aggregates. One Copy into a store at a time.
package transfer
