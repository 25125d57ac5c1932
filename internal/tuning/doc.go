// Package tuning keeps the parameters that detection runs with: defaults for
// all, overridden for the whole installation, an organisation, a team or a
// wearer, key by key, the narrower scope over the wider one.
//
// Parameters are changed while everything runs. Each change is a numbered
// revision of its scope and counts from an event time of its own, a little over
// two minutes after it was written. So every reading is judged by the same
// parameters now, in a replay and after a takeover: DESIGN.md says why that
// holds and what is assumed.
//
// Open follows the bucket and gives a Tuning. Whoever judges readings calls
// Await with the time at which the log took a record, then Timeline for its
// wearer; Generation tells cheaply whether timelines may have changed. Set and
// Reset change parameters, History and Effective show them. ParseRules reads
// overrides from a file, for trying them out.
//
// A Tuning is safe for concurrent use: one goroutine follows the bucket and owns
// the copy, lookups share it. Nothing is queued here; the client's queue of the
// watcher is read at once. What of the bucket cannot be read or cannot work is
// logged once and left out, and detection goes on with the wider scopes.
//
// The tests run on the embedded server; the laws of merging and of counting are
// tested by rapid without one.
package tuning
