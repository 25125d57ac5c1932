// Package schemas is the vocabulary of sitwell: what travels between a wearable,
// the log, the detector, the notifier and the stores, and how it is written.
//
// A device's JSON becomes a Message by Decode, which refuses what is malformed
// with a Reason and rounds what is good, once. Ingest turns it into Batches and
// packs them by AppendBatch into records of the log, which RecordReader reads
// back. Findings, nudges and replies are JSON, because people and other
// programs read them; Judged, the minutes and the marks of what came late, is CBOR.
//
// Everything here is a value: nothing keeps state or starts a goroutine, except
// that a RecordReader reuses its buffers and belongs to one goroutine.
package schemas
