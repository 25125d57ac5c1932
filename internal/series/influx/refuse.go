package influx

import (
	"sitwell/schemas"
)

// Refused is something that is not stored, because the server takes it under no
// circumstances: it does not fit the type that a field has there, or there are too
// many wearers and devices already.
type Refused struct {
	Org, Wearer, Device schemas.ID
	// What it is: "readings", "events", "late", "minutes", "findings" or "decisions".
	What   string
	Count  int    // how many of them
	Detail string // why, in the server's words
	// Topic is where a device published it, "" for what no device did.
	Topic string
	// Payload is the message of readings or events as a device publishes it, so that it
	// can be driven through ingest again; else the point in line protocol.
	Payload []byte
}
