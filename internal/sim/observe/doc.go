// Package observe says what the engine, by itself and with its default
// parameters, sees in recordings of people: seated time, posture shifts, load,
// walking, and whether it would ask for a calibration without cause.
//
// Recording runs one through the engine and gives an Observation; Write makes a
// Markdown table of many. They are observations and not truth: nothing in the
// recordings but sitting and walking is labelled.
//
// Nothing is shared between calls. The test on the recordings prints the table
// (go test -run Observations -v) and holds it against what is known of people
// beforehand; it skips where the recordings are absent.
package observe
