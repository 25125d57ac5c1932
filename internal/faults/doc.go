// Package faults holds sitwell to what it promises when something breaks: one
// test for each kind of fault, against sitwell's own processes, which are killed,
// paused, cut off, starved of disk and have their power cut. DESIGN.md has the
// table of faults and tests.
//
// The tests have the build tag faults: `make faults` runs the full table, and
// `make check` a short one. They start the test binary itself as `sitwell`, so
// nothing has to be built first.
package faults
