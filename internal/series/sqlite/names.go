package sqlite

import (
	"context"
	"errors"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

var errNoName = errors.New("an identifier is missing")

const (
	sqlWearer    = `SELECT id FROM wearers WHERE org = ?1 AND wearer = ?2`
	sqlAddWearer = `INSERT INTO wearers (org, wearer) VALUES (?1, ?2) RETURNING id`
	sqlRun       = `SELECT id FROM runs WHERE org = ?1 AND device = ?2 AND boot = ?3`
	sqlAddRun    = `INSERT INTO runs (org, device, boot) VALUES (?1, ?2, ?3) RETURNING id`
	sqlAddWorn   = `INSERT INTO worn (wearer, run) VALUES (?1, ?2) ON CONFLICT DO NOTHING`
	sqlRunName   = `SELECT device, boot FROM runs WHERE id = ?1`
)

func checkWearer(org, wearer schemas.ID) error {
	if org.IsZero() || wearer.IsZero() {
		return fmt.Errorf("wearer %q of %q: %w", wearer, org, errNoName)
	}
	return nil
}

// wearer is a wearer's number in the file; a new one is given one. What it adds to known
// is forgotten with the rest if the change fails.
func (tx *fileTx) wearer(ctx context.Context, org, wearer schemas.ID) (int64, error) {
	if err := tx.identify(ctx); err != nil {
		return 0, err
	}
	key := wearerKey{tx.key, wearerName{org, wearer}}
	if id, ok := tx.known.wearers[key]; ok {
		return id, nil
	}
	id, err := tx.number(ctx, sqlWearer, sqlAddWearer, org.String(), wearer.String())
	if err != nil {
		return 0, fmt.Errorf("number wearer: %w", err)
	}
	tx.known.wearers[key] = id
	return id, nil
}

// runOf is the number of a device's run in the file. It notes whose it is.
func (tx *fileTx) runOf(ctx context.Context, name runName, wearer int64) (int64, error) {
	key := runKey{tx.key, name}
	id, ok := tx.known.runs[key]
	if !ok {
		var err error
		if id, err = tx.number(ctx, sqlRun, sqlAddRun, name.org.String(), name.device.String(), int64(name.boot)); err != nil {
			return 0, fmt.Errorf("number run: %w", err)
		}
		tx.known.runs[key] = id
	}
	worn := wornKey{tx.key, wearer, id}
	if tx.known.worn[worn] {
		return id, nil
	}
	if err := tx.exec(ctx, sqlAddWorn, wearer, id); err != nil {
		return 0, fmt.Errorf("note whose run it is: %w", err)
	}
	tx.known.worn[worn] = true
	return id, nil
}

func (tx *fileTx) number(ctx context.Context, find, add string, name ...any) (id int64, err error) {
	found, err := tx.find(ctx, find, name, []any{&id})
	if err != nil || found {
		return id, err
	}
	_, err = tx.find(ctx, add, name, []any{&id})
	return id, err
}

// scope is a query as numbers: a wearer's in a file, and milliseconds, from included, to not.
type scope struct {
	wearer   int64
	from, to int64
}

// span is the range of a query in milliseconds; found is false where there can be no answer.
func spanOf(q series.Query) (from, to int64, found bool, err error) {
	if q.Org.IsZero() || q.Wearer.IsZero() {
		return 0, 0, false, fmt.Errorf("query of wearer %q of %q: %w", q.Wearer, q.Org, errNoName)
	}
	from, to = millis(q.From), millis(q.To)
	return from, to, from < to, nil
}

// scopes calls each for the files of a class, from a day to another, both included, that
// know the wearer of a query, in order. Each file is open until it returns.
func (s *Store) scopes(ctx context.Context, class series.Class, q series.Query, first, last int64, each func(*file, scope) error) error {
	from, to, found, err := spanOf(q)
	if err != nil || !found {
		return err
	}
	return s.files(ctx, class, first, last, func(f *file) error {
		sc := scope{from: from, to: to}
		numbers, err := query(ctx, s, f, func(n *int64) []any { return []any{n} }, sqlWearer, q.Org.String(), q.Wearer.String())
		if err != nil || len(numbers) == 0 {
			return err
		}
		sc.wearer = numbers[0]
		return each(f, sc)
	})
}

// files calls each for the files of a class, from a day to another, both included, in
// order. Each file is open until it returns.
func (s *Store) files(ctx context.Context, class series.Class, first, last int64, each func(*file) error) error {
	days, err := s.days(class, first, last)
	if err != nil {
		return err
	}
	for _, day := range days {
		if err := s.with(ctx, fileKey{class, day}, each); err != nil {
			return err
		}
	}
	return nil
}

// wholeFiles calls each for all files of a class, in order, but for damaged ones.
func (s *Store) wholeFiles(ctx context.Context, class series.Class, each func(*file) error) error {
	days, err := s.everyDay(class)
	if err != nil {
		return err
	}
	for _, day := range days {
		if err := s.without(ctx, s.with(ctx, fileKey{class, day}, each)); err != nil {
			return err
		}
	}
	return nil
}

// with calls do with a file that is open until it returns, unless there is none any more.
func (s *Store) with(ctx context.Context, key fileKey, do func(*file) error) error {
	f, err := s.pool.acquire(ctx, key)
	if errors.Is(err, errNoFile) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.pool.release(f)
	if err := do(f); err != nil && s.pool.current(f) {
		return key.of(err)
	}
	return nil // without error, or of what was removed in the meantime
}

// runNames reads the names of runs of a file as they are met.
type runNames struct {
	store *Store
	file  *file
	names map[uint64]runName
}

type runRow struct {
	device string
	boot   uint32
}

func (r *runNames) get(ctx context.Context, run uint64) (runName, error) {
	if name, ok := r.names[run]; ok {
		return name, nil
	}
	rows, err := query(ctx, r.store, r.file, func(row *runRow) []any { return []any{&row.device, &row.boot} }, sqlRunName, int64(run)) //nolint:gosec // a row's number
	if err == nil && len(rows) == 0 {
		err = errNoName
	}
	if err != nil {
		return runName{}, fmt.Errorf("read name of run %d: %w", run, err)
	}
	name := runName{boot: rows[0].boot}
	if name.device, err = schemas.ParseID(rows[0].device); err != nil {
		return name, fmt.Errorf("read name of run %d: %w", run, err)
	}
	r.names[run] = name
	return name, nil
}
