package app

import (
	"context"
	"errors"

	"sitwell/internal/ops"
)

// checks are what /readyz asks of this process.
func (a *App) checks() []ops.Check {
	checks := []ops.Check{{Name: "start", Check: a.checkStart}, {Name: "parts", Check: a.parts.check}, {Name: "log", Check: a.checkLog}}
	if a.o.has(Broker, Ingest) {
		checks = append(checks, ops.Check{Name: "mqtt", Check: a.checkMQTT})
	}
	if a.o.has(Record) {
		checks = append(checks, ops.Check{Name: "store", Check: a.checkStore})
	}
	return checks
}

func (a *App) checkStart(context.Context) error {
	if !a.started.Load() {
		return errors.New("this process is still starting; its log says what it waits for")
	}
	return nil
}

func (a *App) checkLog(ctx context.Context) error {
	if !a.started.Load() {
		return errors.New("not looked at while this process starts")
	}
	if !a.nc.IsConnected() {
		return errors.New("there is no connection to the log")
	}
	if err := a.bus.Probe(ctx); err != nil {
		return errors.New("the log does not take messages; is the disk full?")
	}
	return nil
}

func (a *App) checkMQTT(context.Context) error {
	session := a.session.Load()
	switch {
	case a.o.has(Ingest) && (session == nil || !session.Connected()):
		return errors.New("ingest is not connected to the MQTT broker")
	case a.o.has(Broker) && !a.admitted():
		return errors.New("devices are let in once ingest's session exists and what they sent earlier is taken")
	}
	return nil
}

func (a *App) checkStore(context.Context) error {
	recorder := a.recorder.Load()
	if recorder == nil {
		return errors.New("the store is not open yet")
	}
	if recorder.Err() != nil {
		return errors.New("the store does not take data; the log keeps it until it does")
	}
	return nil
}
