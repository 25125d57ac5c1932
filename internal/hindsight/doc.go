// Package hindsight judges stored readings again, with the engine that judges
// live: what the engine sees in them (Postures), whether a finding is proved by
// its receipt (Explain), which nudges other parameters would have given
// (Backtest), and what a day amounts to with the readings that came too late
// (Recompute). DESIGN.md says what is exact and what is not.
//
// Nothing here nudges anybody or writes to the log; Recompute alone writes, to
// the time-series store, and only what a day's minutes and episodes are.
//
// A Hindsight keeps nothing between calls and is safe for concurrent use. Each
// call streams: it holds an hour of readings at most, and what it gives back.
// Whoever lets others call it bounds how many run at once; Serve runs one.
//
// The tests judge simulated days live, in the order of the log, store them in
// a real store, and hold what hindsight says against what live said.
package hindsight
