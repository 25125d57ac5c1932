// Package recording reads recordings of people with a trunk sensor and turns
// them into what such a sensor would have sent.
//
// Two public data sets are known by the header of their files. "Activity
// Recognition from Single Chest-Mounted Accelerometer" (UCI 287; Casale, Pujol,
// Radeva 2012), converted to g at 2 Hz; and "Activity recognition with healthy
// older people using a batteryless wearable sensor" (UCI 427, CC BY 4.0;
// Shinmoto Torres et al.), at irregular times with gaps. Neither is part of this
// project.
//
// Read parses a file and names the line of what is wrong; Recording.Items gives
// events and readings in one sequence, Recording.Row the labelled row behind a
// sequence number, Recording.Account the seconds that the labels tell.
//
// A Recording does not change once it was read and may be used by many. Tests
// run on made-up files; those on the recordings skip where these are absent.
package recording
