package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// oldFile is the one file of a store of layout 3. Its numbers of wearers and runs are kept, and
// with them its rows.
type oldFile struct{ db *sql.DB }

// The first minute from ?1 on that anybody has a row of.
const (
	sqlOldMinute = `SELECT min((SELECT min(r.id) & 0xfffffff FROM minutes r WHERE r.id BETWEEN (w.id << 28) + ?1 AND (w.id << 28) + 0xfffffff)) FROM wearers w`
	sqlOldRollup = `SELECT min((SELECT min(r.id) & 0xfffffff FROM rollups r WHERE r.id BETWEEN (w.id << 28) + ?1 AND (w.id << 28) + 0xfffffff)) FROM wearers w`
	sqlOldEvents = `SELECT DISTINCT min(max(start, 0), ?1) / 86400000 FROM episodes UNION SELECT DISTINCT min(max(time, 0), ?1) / 86400000 FROM decisions ORDER BY 1`
)

// days are those of which a class has something, in order.
func (o *oldFile) days(ctx context.Context, class series.Class) ([]int64, error) {
	if class == series.Events {
		rows, err := o.db.QueryContext(ctx, sqlOldEvents, int64(maxMillis))
		return collect(rows, err, func(day *int64) []any { return []any{day} })
	}
	next := sqlOldMinute
	if class == series.Rollups {
		next = sqlOldRollup
	}
	var days []int64
	for from := int64(0); from <= maxMinute; {
		var first sql.NullInt64
		if err := o.db.QueryRowContext(ctx, next, from).Scan(&first); err != nil {
			return nil, err
		}
		if !first.Valid {
			break
		}
		day := first.Int64 / dayMinutes
		days = append(days, day)
		from = (day + 1) * dayMinutes
	}
	return days, nil
}

const (
	sqlTakeRollups = `INSERT INTO main.rollups (id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout)
		SELECT r.id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout
		FROM old.wearers w CROSS JOIN old.rollups r ON r.id BETWEEN (w.id << 28) + ?1 AND (w.id << 28) + ?2 ORDER BY r.id`
	sqlTakeRollupsWearers = `INSERT INTO main.wearers SELECT * FROM old.wearers w WHERE EXISTS
		(SELECT 1 FROM main.rollups WHERE id BETWEEN w.id << 28 AND (w.id << 28) + 0xfffffff)`
)

// takeRollups fills the file of a day.
func (o *oldFile) takeRollups(ctx context.Context, tx *fileTx, day int64) error {
	n, err := tx.count(ctx, sqlTakeRollups, day*dayMinutes, (day+1)*dayMinutes-1)
	if err != nil {
		return err
	}
	tx.counts[countRollups] += n
	return tx.exec(ctx, sqlTakeRollupsWearers)
}

// The times that count for a day are clamped as dayOf does it; ?2 is the last.
const (
	sqlTakeEpisodes = `INSERT INTO main.episodes (wearer, id, rule, start, ended, level, outcome, seconds, flexion, tripped, told, severity, cause, caused)
		SELECT wearer, id, rule, start, ended, level, outcome, seconds, flexion, tripped, told, severity, cause, caused
		FROM old.episodes WHERE min(max(start, 0), ?2) / 86400000 = ?1`
	sqlTakeFindings = `INSERT INTO main.findings (wearer, episode, id, body)
		SELECT f.wearer, episode, f.id, body FROM main.episodes e JOIN old.findings f ON f.episode = e.id AND f.wearer = e.wearer`
	sqlTakeDecisions = `INSERT INTO main.decisions (wearer, id, time, body)
		SELECT wearer, id, time, body FROM old.decisions WHERE min(max(time, 0), ?2) / 86400000 = ?1`
	sqlTakeEventsWearers = `INSERT INTO main.wearers SELECT * FROM old.wearers w WHERE id IN
		(SELECT wearer FROM main.episodes UNION SELECT wearer FROM main.decisions)`
	sqlTakeReach = `SELECT ifnull(max(max(ifnull(ended, 0), told + ?1)), 0) FROM main.episodes`
)

// takeEvents fills the file of a day.
func (o *oldFile) takeEvents(ctx context.Context, tx *fileTx, day int64) error {
	for _, c := range []struct {
		query, counter string
		args           []any
	}{
		{sqlTakeEpisodes, countEpisodes, []any{day, int64(maxMillis)}},
		{sqlTakeFindings, countFindings, nil},
		{sqlTakeDecisions, countDecisions, []any{day, int64(maxMillis)}},
	} {
		n, err := tx.count(ctx, c.query, c.args...)
		if err != nil {
			return err
		}
		tx.counts[c.counter] += n
	}
	return tx.exec(ctx, sqlTakeEventsWearers)
}

const (
	sqlOldWearers = `SELECT id FROM old.wearers ORDER BY id`
	sqlOldMinutes = `SELECT id, data FROM old.minutes WHERE id BETWEEN ?1 AND ?2 ORDER BY id`
	sqlTakeMinute = `INSERT INTO main.minutes (id, n, data) VALUES (?1, ?2, ?3)`
	sqlTakeRun    = `INSERT INTO main.runs SELECT * FROM old.runs WHERE id = ?1`
	sqlTakeLate   = `INSERT INTO main.late (run, first, last) SELECT run, first, last FROM old.late WHERE run = ?1`

	sqlTakeReadingsWearers = `INSERT INTO main.wearers SELECT * FROM old.wearers WHERE id IN (SELECT wearer FROM main.worn)`
)

// takeReadings fills the file of a day. What is stored of its runs is told by the readings
// themselves; all marks of the runs are taken, since their times are not known.
func (o *oldFile) takeReadings(ctx context.Context, tx *fileTx, day int64) error {
	wearers, err := tx.oldWearers(ctx)
	if err != nil {
		return err
	}
	t := takenRuns{worn: map[[2]int64]bool{}, sets: map[int64]map[int64]*spans{}, in: newHourReader()}
	for _, wearer := range wearers {
		rows, err := tx.oldMinutes(ctx, wearer, day)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := t.takeMinute(ctx, tx, row); err != nil {
				return err
			}
		}
	}
	if err := t.store(ctx, tx); err != nil {
		return err
	}
	return tx.exec(ctx, sqlTakeReadingsWearers)
}

func (tx *fileTx) oldWearers(ctx context.Context) ([]int64, error) {
	stmt, err := tx.stmt(ctx, sqlOldWearers)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx)
	return collect(rows, err, func(n *int64) []any { return []any{n} })
}

func (tx *fileTx) oldMinutes(ctx context.Context, wearer, day int64) ([]storedRow, error) {
	stmt, err := tx.stmt(ctx, sqlOldMinutes)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, rowKey(wearer, day*dayMinutes), rowKey(wearer, (day+1)*dayMinutes-1))
	return collect(rows, err, func(r *storedRow) []any { return []any{&r.key, &r.data} })
}

// takenRuns is what the readings of a day tell of their runs.
type takenRuns struct {
	worn map[[2]int64]bool // wearer, run
	sets map[int64]map[int64]*spans
	in   *hourReader
}

// takeMinute takes a row as it is.
func (t *takenRuns) takeMinute(ctx context.Context, tx *fileTx, row storedRow) error {
	n := 0
	if err := t.in.minute(row.data, func(run uint64, items []schemas.Item) error {
		n += len(items)
		t.add(row.key>>minuteBits, int64(run), items) //nolint:gosec // a row's number
		return nil
	}); err != nil {
		return err
	}
	tx.counts[countReadings] += int64(n)
	return tx.exec(ctx, sqlTakeMinute, row.key, n, row.data)
}

func (t *takenRuns) add(wearer, run int64, items []schemas.Item) {
	t.worn[[2]int64{wearer, run}] = true
	blocks := t.sets[run]
	if blocks == nil {
		blocks = map[int64]*spans{}
		t.sets[run] = blocks
	}
	for i := range items {
		n := int64(items[i].Seq >> blockBits)
		if blocks[n] == nil {
			blocks[n] = &spans{}
		}
		blocks[n].add(uint16(items[i].Seq & (1<<blockBits - 1)))
	}
}

func (t *takenRuns) store(ctx context.Context, tx *fileTx) error {
	for _, w := range slices.SortedFunc(maps.Keys(t.worn), func(x, y [2]int64) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) }) {
		if err := tx.exec(ctx, sqlAddWorn, w[0], w[1]); err != nil {
			return err
		}
	}
	for _, run := range slices.Sorted(maps.Keys(t.sets)) {
		for _, query := range []string{sqlTakeRun, sqlTakeLate} {
			if err := tx.exec(ctx, query, run); err != nil {
				return err
			}
		}
		for _, block := range slices.Sorted(maps.Keys(t.sets[run])) {
			if err := tx.exec(ctx, sqlSetSeen, run, block, t.sets[run][block].encode(nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	sqlOldPositions  = `SELECT stream, seq, ifnull(identity, '') FROM positions LEFT JOIN logs USING (stream)`
	sqlOldDuplicates = `SELECT ifnull((SELECT n FROM counters WHERE name = 'duplicates'), 0)`
	sqlOldReaches    = `SELECT min(max(start, 0), ?1) / 86400000, max(max(ifnull(ended, 0), told + ?2)) AS until FROM episodes
		GROUP BY 1 HAVING until >= (min(max(start, 0), ?1) / 86400000 + ?3) * 86400000`
)

type oldPosition struct {
	stream, log string
	seq         int64
}

// takeIndex takes over what is of the store as a whole, and notes that all is in.
func (o *oldFile) takeIndex(ctx context.Context, c *changing) error {
	rows, err := o.db.QueryContext(ctx, sqlOldReaches, int64(maxMillis), series.OpenFor.Milliseconds(), 1+usualDays)
	reaches, err := collect(rows, err, func(r *[2]int64) []any { return []any{&r[0], &r[1]} })
	if err != nil {
		return err
	}
	for _, r := range reaches {
		if err := c.index.exec(ctx, sqlNoteReach, r[0], r[1]); err != nil {
			return err
		}
	}
	rows, err = o.db.QueryContext(ctx, sqlOldPositions)
	positions, err := collect(rows, err, func(p *oldPosition) []any { return []any{&p.stream, &p.seq, &p.log} })
	if err != nil {
		return err
	}
	for _, p := range positions {
		if err := c.index.exec(ctx, sqlSetPosition, p.stream, p.seq, p.log, 0); err != nil {
			return err
		}
	}
	var duplicates int64
	if err := o.db.QueryRowContext(ctx, sqlOldDuplicates).Scan(&duplicates); err != nil {
		return err
	}
	if err := c.index.exec(ctx, sqlCount, countDuplicates, duplicates); err != nil {
		return err
	}
	return c.index.exec(ctx, sqlSetUpgrade, upgradeDone)
}
