// Package e2e proves the whole way, from a wearable's reading over MQTT to the
// nudge on its wrist and the figures on the page: everything is started as
// `sitwell serve` starts it, on free ports, and spoken to from outside.
package e2e
