// Package cluster runs the roles of sitwell as child processes of one machine:
// broker, ingest, any number of detectors, notifier and dashboard, each of which
// can be killed and started again. It is what the demonstration of faults and
// the tests of faults stand on; nothing in the children knows of it.
//
// Start makes the children of one executable, on fixed addresses, and waits
// until they are ready. A Part is one of them: Kill ends it as a power failure of
// its process would, Start brings it back on the same addresses and data. Stop
// asks all to end and says which did not do so well.
//
// The children end with their parent where the system can see to it (Linux), and
// do not get the terminal's signals: Ctrl-C is for the parent to pass on. Methods
// may be called from any goroutine, those of one Part one at a time.
package cluster
