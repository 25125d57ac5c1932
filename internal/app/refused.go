package app

import (
	"time"

	"sitwell/internal/erasure"
	"sitwell/internal/series/influx"
	"sitwell/schemas"
)

// refused is what the store refused as it stands in quarantine. What a device published
// may be driven through ingest again; what was made of it names its wearer in the place
// of the topic, so that an erasure finds it.
func refused(r influx.Refused) schemas.Quarantined {
	q := schemas.Quarantined{
		Reason: schemas.StoreRefused, Detail: r.What + ": " + r.Detail, Topic: r.Topic, Received: time.Now().UTC(), Payload: r.Payload,
	}
	if r.Received != 0 { // when it is driven again it counts as having come then
		q.Received = time.UnixMilli(r.Received).UTC()
	}
	if q.Topic == "" {
		q.Topic = erasure.RefusedTopic(r.Org, r.Wearer)
	} else {
		q.Readings = r.Count
	}
	if len(q.Payload) > schemas.MaxPayload {
		q.Payload, q.Truncated = q.Payload[:schemas.MaxPayload], true
	}
	return q
}
