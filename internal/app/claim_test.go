package app_test

import (
	"path/filepath"
	"testing"

	"sitwell/internal/app"
	"sitwell/internal/series/influx/influxtest"
)

// Of two processes that are to fill one store in InfluxDB the second waits until the first
// has gone; one of another store does not.
func TestOneProcessFillsAStore(t *testing.T) {
	server := influxtest.Start(t)
	o := brokerAlone(t)
	b, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	part := func(with app.InfluxOptions) app.Options {
		p := beside(t, b, filepath.Join(o.Data, "secret"), app.Record)
		p.Influx = with
		return p
	}
	one, other := inInflux(t, app.Options{}, server).Influx, inInflux(t, app.Options{}, server).Influx
	first, err := app.New(part(one))
	must(t, err)
	must(t, first.Start(t.Context()))
	if _, err := start(t, part(other)); err != nil {
		t.Fatal(err)
	}
	var said lines
	p := part(one)
	p.Logger = said.logger()
	second := begin(t, p)
	said.await(t, "another process fills this store: record (process")
	select {
	case <-second:
		t.Fatal("two processes fill one store")
	default:
	}
	must(t, first.Stop(t.Context()))
	ready(t, await(t, second), "")
}
