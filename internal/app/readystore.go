package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// checkStore looks whether the store takes what the log brings and gives what the page
// asks for.
func (a *App) checkStore(ctx context.Context) error {
	if a.o.has(Record) {
		if err := a.checkRecorder(); err != nil {
			return err
		}
	}
	if !a.o.remote() || !a.o.has(Dashboard) {
		return nil
	}
	now := time.Now()
	nobody := schemas.MustID("readiness")
	if !a.o.has(Record) {
		if _, err := a.store.Rollups(ctx, series.Query{Org: nobody, Wearer: nobody, From: now.Add(-time.Minute), To: now}); err != nil {
			return fmt.Errorf("the store cannot be read: %w", clipped(err))
		}
	}
	if _, err := a.offices.Aggregates(ctx, series.OfficeQuery{Org: nobody, Window: series.Day, From: now.Add(-time.Minute), To: now}); err != nil {
		return fmt.Errorf("the offices' figures cannot be read from the store: %w", clipped(err))
	}
	return nil
}

// checkRecorder says why the store does not take data. What a server says of it is for
// those who run both; an embedded store's reason is in the log alone, since it shows paths.
func (a *App) checkRecorder() error {
	if l, ok := a.store.(*late); ok {
		if _, err := l.get(); err != nil {
			return fmt.Errorf("the store does not take data; the log keeps it until it does: %w", clipped(err))
		}
	}
	recorder := a.recorder.Load()
	if recorder == nil {
		return errors.New("the store is not open yet")
	}
	err := recorder.Err()
	switch {
	case err == nil:
		return nil
	case a.o.remote():
		return fmt.Errorf("the store does not take data; the log keeps it until it does: %w", clipped(err))
	}
	return errors.New("the store does not take data; the log keeps it until it does")
}

// clipped is the first line of an error: all streams mostly fail for the same reason.
func clipped(err error) error {
	line, _, more := strings.Cut(err.Error(), "\n")
	if !more {
		return err
	}
	return errors.New(line)
}
