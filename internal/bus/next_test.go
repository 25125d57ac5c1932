package bus_test

import (
	"strings"
	"testing"

	"sitwell/internal/broker/brokertest"
	"sitwell/schemas"
)

func TestNextOnFindsTheNextOfItsSubject(t *testing.T) {
	_, log := brokertest.Start(t)
	publish(t, log, 1, 20) // message i is on partition i%8: 3, 11 and 19 are on 3
	subject := schemas.ReadingsSubject(3)
	for _, c := range []struct{ from, want uint64 }{{0, 3}, {1, 3}, {3, 3}, {4, 11}, {19, 19}, {20, 0}, {21, 0}, {1000, 0}} {
		m, ok, err := log.NextOn(t.Context(), schemas.StreamReadings, subject, c.from)
		if err != nil || ok != (c.want > 0) || m.Seq != c.want {
			t.Errorf("from %d: number %d, %v, %v; want %d", c.from, m.Seq, ok, err, c.want)
		}
		if ok && (m.Subject != subject || len(m.Data) == 0 || m.Time.IsZero()) {
			t.Errorf("from %d: %+v", c.from, m)
		}
	}
	if err := log.Delete(t.Context(), schemas.StreamReadings, 3); err != nil {
		t.Fatal(err)
	}
	if m, ok, err := log.NextOn(t.Context(), schemas.StreamReadings, subject, 1); err != nil || !ok || m.Seq != 11 {
		t.Errorf("behind what is gone: number %d, %v, %v", m.Seq, ok, err)
	}
	if _, ok, err := log.NextOn(t.Context(), schemas.StreamFindings, "findings.a.b", 1); err != nil || ok {
		t.Errorf("of an empty stream: %v, %v", ok, err)
	}
	if _, _, err := log.NextOn(t.Context(), "NOWHERE", "x", 1); err == nil || !strings.Contains(err.Error(), "NOWHERE") {
		t.Errorf("of no stream: %v", err)
	}
}
