package registry_test

import (
	"context"
	"testing"

	"sitwell/internal/broker/brokertest"
	"sitwell/schemas"
)

// A copy that is behind, here because it no longer follows, fetches the wearer
// that it is asked for.
func TestAwaitFetchesAWearerWhomTheCopyLacks(t *testing.T) {
	_, log := brokertest.Start(t)
	r, behind := open(t, log), open(t, log)
	must(t, behind.Close())
	office(t, r)
	if _, known := behind.Wearer(acme, anna); known {
		t.Fatal("the copy follows still")
	}
	must(t, behind.Await(t.Context(), acme, anna))
	if w, known := behind.Wearer(acme, anna); !known || w.Team != schemas.MustID("dev") {
		t.Errorf("after waiting the wearer is %+v, known: %v", w, known)
	}
	must(t, behind.Await(t.Context(), acme, schemas.MustID("nobody")))
	if _, known := behind.Wearer(acme, schemas.MustID("nobody")); known {
		t.Error("somebody came of nothing")
	}
}

func TestAwaitAsksNobodyForAWearerWhoIsKnown(t *testing.T) {
	_, log := brokertest.Start(t)
	r := open(t, log)
	office(t, r)
	log.Conn().Close()
	must(t, r.Await(t.Context(), acme, ben))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Await(ctx, acme, schemas.MustID("nobody")); err == nil {
		t.Error("a log that is not there has answered")
	}
}
