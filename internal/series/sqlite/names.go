package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

var errNoName = errors.New("an identifier is missing")

// wearer is a wearer's number; a new one is given one. What it adds to known
// is forgotten with the rest if the append fails.
func (a *appending) wearer(ctx context.Context, org, wearer schemas.ID) (int64, error) {
	name := wearerName{org, wearer}
	if id, ok := a.known.wearers[name]; ok {
		return id, nil
	}
	if org.IsZero() || wearer.IsZero() {
		return 0, fmt.Errorf("wearer %q of %q: %w", wearer, org, errNoName)
	}
	id, err := a.number(ctx, sqlWearer, sqlAddWearer, org.String(), wearer.String())
	if err != nil {
		return 0, fmt.Errorf("number wearer: %w", err)
	}
	a.known.wearers[name] = id
	return id, nil
}

// run is the number of a device's run.
func (a *appending) run(ctx context.Context, name runName) (int64, error) {
	if id, ok := a.known.runs[name]; ok {
		return id, nil
	}
	if name.org.IsZero() || name.device.IsZero() {
		return 0, fmt.Errorf("device %q of %q: %w", name.device, name.org, errNoName)
	}
	id, err := a.number(ctx, sqlRun, sqlAddRun, name.org.String(), name.device.String(), int64(name.boot))
	if err != nil {
		return 0, fmt.Errorf("number run: %w", err)
	}
	a.known.runs[name] = id
	return id, nil
}

func (a *appending) number(ctx context.Context, find, add string, name ...any) (int64, error) {
	var id int64
	err := a.stmt(ctx, find).QueryRowContext(ctx, name...).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	result, err := a.stmt(ctx, add).ExecContext(ctx, name...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// scope is a query as numbers: a wearer and milliseconds, from included, to not.
type scope struct {
	wearer   int64
	from, to int64
}

// scope resolves a query; found is false where there can be no answer.
func (s *Store) scope(ctx context.Context, q series.Query) (sc scope, found bool, err error) {
	if q.Org.IsZero() || q.Wearer.IsZero() {
		return sc, false, fmt.Errorf("query of wearer %q of %q: %w", q.Wearer, q.Org, errNoName)
	}
	sc.from, sc.to = millis(q.From), millis(q.To)
	if sc.from >= sc.to {
		return sc, false, nil
	}
	err = s.read.QueryRowContext(ctx, sqlWearer, q.Org.String(), q.Wearer.String()).Scan(&sc.wearer)
	if errors.Is(err, sql.ErrNoRows) {
		return sc, false, nil
	}
	return sc, err == nil, err
}

// runNames reads the names of runs as they are met.
type runNames struct {
	store *Store
	names map[uint64]runName
}

func (r *runNames) get(ctx context.Context, run uint64) (runName, error) {
	if name, ok := r.names[run]; ok {
		return name, nil
	}
	var name runName
	var device string
	err := r.store.read.QueryRowContext(ctx, `SELECT device, boot FROM runs WHERE id = ?`, int64(run)).Scan(&device, &name.boot) //nolint:gosec // a row's number
	if err != nil {
		return name, fmt.Errorf("read name of run %d: %w", run, err)
	}
	if name.device, err = schemas.ParseID(device); err != nil {
		return name, fmt.Errorf("read name of run %d: %w", run, err)
	}
	r.names[run] = name
	return name, nil
}
