// Package replay publishes recordings to a running sitwell as live devices
// would have, and compares what the pipeline made of them with their labels.
//
// Run registers a wearer and a device for each recording, publishes its events
// and readings with their true spacing in event time, at a multiple of real
// time and so that event time ends when the replay does, waits until the
// pipeline is through by asking its API, and returns a Report. Nothing is
// computed here that the pipeline should have: movement comes from its
// postures, row by row, seated time from its rollups, nudges from its
// decisions.
//
// Run uses its own goroutines, a few for each recording, and ends them. Tests
// replay a made-up person, and the recordings where they are present, through
// the whole application.
package replay
