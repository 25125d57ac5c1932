// Package sim plays people who wear a posture sensor: for the demonstration,
// for load, and for tests that want readings which look real.
//
// A Wearer makes readings and events as a function of event time, out of a
// habit, a kit and a seed; an Office is sixty of them with teams, two weeks of
// history and a script that anchors at the moment of going live; a Device is the
// MQTT client that carries what they send. Simulate runs any number of them
// against any broker.
//
// A Wearer and an Office belong to one goroutine at a time; during Office.Live
// each wearer belongs to the goroutine that plays it. A Device may be used by
// many. Recorded people are read by the package recording and published by the
// package replay.
//
// Tests run the script through the real engine and the device client against
// the real broker's MQTT listener.
package sim
