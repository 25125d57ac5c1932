// Package detect turns a wearer's readings into findings: it is the pure engine
// of sitwell. It knows no clock, transport or store; time is the readings' own,
// so that a replay gives what live gave, to the byte.
//
// A Wearer holds the state of one wearer. Take judges a batch of the readings
// log and appends what it finds to an Output: findings of episodes, each with its
// receipt, finished minutes, marks of what came too late, and on request the
// posture after each reading. AppendState and DecodeWearer make a checkpoint of it
// and bring it back; Resume and Retrace judge again what a receipt names.
//
// A batch passes three stages. The order (order.go) drops duplicates and waits
// for what is missing. The signals (signal.go) make a posture sample of each
// reading: angles, motion, sitting, worn. Then the interval between two samples
// (interval.go) goes to the minute (minute.go) and to each rule, one small file
// for each: slouch, load, hold, bout, still, lean, sudden, bending, upkeep and
// calibrate. DESIGN.md has the model, each rule with its source, and what was
// rejected.
//
// Params are the thresholds, of which Tunables may be changed within safe bounds;
// a Timeline says which count from which event time on.
//
// A Wearer belongs to one goroutine at a time and keeps no reference to a batch.
// It allocates nothing for a reading, except while readings wait at a hole, while
// a calibration is measured, and for what it finds. A Timeline may be shared.
//
// Tests are golden traces around each threshold, laws (order, duplicates,
// splitting, resuming and shifting in time change nothing; every receipt proves
// its finding), a slow and obvious reference that is held against the engine over
// random days, and a fuzz target for the checkpoint.
package detect
