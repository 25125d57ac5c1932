package sqlite

import (
	"fmt"

	"sitwell/internal/series"
)

// applicationID marks a file as one of a series store ("sitw"), as
// https://www.sqlite.org/pragma.html#pragma_application_id suggests.
const applicationID = 0x73697477

// schemaVersion is the layout below; a file of a newer one is refused. One of an older
// one, which had a single file, is brought up to it: see upgrade.go.
const schemaVersion = 4

// minuteBits is how much of a row's key the minute since 1970 takes: until the
// year 2480. The wearer's number is in the 35 bits above it.
const minuteBits = 28

// The classes of the files that are neither of a series.Class nor of a day.
const (
	classIndex series.Class = "index"
	classOld   series.Class = "old" // what stands where older builds had all
)

// schema creates a new file of a class.
func schema(class series.Class) string {
	tables := map[series.Class]string{
		classIndex: schemaIndex, series.Office: schemaOffice, series.Raw: schemaDay + schemaRaw,
		series.Rollups: schemaDay + schemaRollups, series.Events: schemaDay + schemaEvents,
		classOld: `CREATE TABLE moved AS SELECT 'this store is in ` + FileName + ` and the folders beside it' AS note;`,
	}
	return fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion) + schemaEvery + tables[class]
}

// schemaEvery is in each file: what Stats tells of it, and under countDirty whether pages
// may have been changed that were not wiped: see wipe.go. For its identity see identity.go.
const schemaEvery = `
CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters (name, n) VALUES ('dirty', 0);
`

// schemaIndex is what the store knows of itself as a whole. Its lock is that of the
// store: whoever changes a file holds it.
const schemaIndex = `
-- The highest log sequence of each stream that is in the files, and the log that it
-- counts in. A rewind begins an epoch.
CREATE TABLE positions (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, log TEXT NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;

-- Who was erased, by a keyed hash, so that no byte of a name stays: what is from before a
-- time, in milliseconds, never comes back.
CREATE TABLE salt (value BLOB NOT NULL);
CREATE TABLE tombstones (key BLOB PRIMARY KEY, before INTEGER NOT NULL) WITHOUT ROWID;

-- The days of files of events with an episode that lasts for longer than usual, and until when.
CREATE TABLE reaches (day INTEGER PRIMARY KEY, until INTEGER NOT NULL);

-- A replacement under way.
CREATE TABLE journal (number INTEGER PRIMARY KEY, org TEXT NOT NULL, wearer TEXT NOT NULL, first INTEGER NOT NULL,
	behind INTEGER NOT NULL, rollups BLOB NOT NULL, findings BLOB NOT NULL);
`

// schemaOffice holds what may be known of groups. Times are seconds since 1970 UTC.
const schemaOffice = `
CREATE TABLE aggregates (org TEXT NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL, team TEXT NOT NULL,
	ended INTEGER NOT NULL, suppressed INTEGER NOT NULL, contributors TEXT NOT NULL, sitting REAL NOT NULL,
	slouched REAL NOT NULL, breaks REAL NOT NULL, flexion REAL NOT NULL, made INTEGER NOT NULL, PRIMARY KEY (org, kind, start, team)) WITHOUT ROWID;
`

// schemaDay is in each file of a day. Times are milliseconds since 1970 UTC, minutes
// are counted from there too. In a rollup durations are milliseconds, angles
// thousandths of a degree, the load's peak thousandths of the budget; in an
// episode they are seconds and degrees.
const schemaDay = `
-- The highest log sequence of each stream that is in this file, in an epoch of the index.
CREATE TABLE positions (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;

-- Numbers for names, so that keys are integers.
CREATE TABLE wearers (id INTEGER PRIMARY KEY, org TEXT NOT NULL, wearer TEXT NOT NULL, UNIQUE (org, wearer));
`

const schemaRaw = `
-- A run is a device since it was switched on.
CREATE TABLE runs (id INTEGER PRIMARY KEY, org TEXT NOT NULL, device TEXT NOT NULL, boot INTEGER NOT NULL,
	UNIQUE (org, device, boot));

-- Whose readings and marks are of which run.
CREATE TABLE worn (wearer INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (wearer, run)) WITHOUT ROWID;

-- Which sequence numbers of a run are stored: spans in blocks of 65,536.
CREATE TABLE seen (run INTEGER NOT NULL, block INTEGER NOT NULL, spans BLOB NOT NULL, PRIMARY KEY (run, block)) WITHOUT ROWID;

-- Which of them, stored yet or not, came too late to be judged: spans of a run, both
-- ends included, that neither overlap nor adjoin.
CREATE TABLE late (run INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (run, last)) WITHOUT ROWID;

-- Readings and events, n of them. id is wearer << 28 | minute; of an hour that is sealed,
-- its first minute.
CREATE TABLE minutes (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE hours (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, data BLOB NOT NULL);

CREATE VIEW readings_view AS
	SELECT org, w.wearer, strftime('%Y-%m-%dT%H:%MZ', (m.id & 0xfffffff) * 60, 'unixepoch') AS start, span, n AS readings, bytes
	FROM (SELECT id, 'minute' AS span, n, length(data) AS bytes FROM minutes
		UNION ALL SELECT id, 'hour', n, length(data) FROM hours) m
	JOIN wearers w ON w.id = m.id >> 28;
`

const schemaRollups = `
-- id is wearer << 28 | minute.
CREATE TABLE rollups (id INTEGER PRIMARY KEY,
	sitting INTEGER NOT NULL, standing INTEGER NOT NULL, moving INTEGER NOT NULL, not_worn INTEGER NOT NULL,
	upright INTEGER NOT NULL, slouched INTEGER NOT NULL, flexion INTEGER NOT NULL, breaks INTEGER NOT NULL,
	flexion_p95 INTEGER NOT NULL, lean_left INTEGER NOT NULL, lean_right INTEGER NOT NULL, bent INTEGER NOT NULL,
	load_peak INTEGER NOT NULL, shifts INTEGER NOT NULL, bout INTEGER NOT NULL);

CREATE VIEW rollups_view AS
	SELECT org, w.wearer, strftime('%Y-%m-%dT%H:%MZ', (r.id & 0xfffffff) * 60, 'unixepoch') AS minute,
		sitting / 1e3 AS sitting_s, standing / 1e3 AS standing_s, moving / 1e3 AS moving_s, not_worn / 1e3 AS not_worn_s,
		upright / 1e3 AS upright_s, slouched / 1e3 AS slouched_s, flexion / 1e3 AS flexion_deg, breaks,
		flexion_p95 / 1e3 AS flexion_p95_deg, lean_left / 1e3 AS lean_left_s, lean_right / 1e3 AS lean_right_s,
		bent / 1e3 AS bent_s, load_peak / 1e3 AS load_peak, shifts, bout / 1e3 AS bout_s
	FROM rollups r JOIN wearers w ON w.id = r.id >> 28;
`

const schemaEvents = `
-- ended is NULL while an episode is open. told is the time of its last finding. tripped
-- and caused rank the finding that flexion and cause come from, lowest first.
CREATE TABLE episodes (wearer INTEGER NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL,
	start INTEGER NOT NULL, ended INTEGER, level INTEGER NOT NULL, outcome TEXT NOT NULL,
	seconds REAL NOT NULL, flexion REAL NOT NULL, tripped INTEGER NOT NULL, told INTEGER NOT NULL,
	severity INTEGER NOT NULL, cause TEXT NOT NULL, caused INTEGER NOT NULL,
	PRIMARY KEY (wearer, id)) WITHOUT ROWID;
CREATE INDEX episodes_start ON episodes (wearer, start);

-- Findings, whole; body is what packer makes of one.
CREATE TABLE findings (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, episode TEXT NOT NULL, id TEXT NOT NULL,
	body BLOB NOT NULL, UNIQUE (episode, wearer, id));
CREATE TABLE decisions (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, id TEXT NOT NULL,
	time INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (wearer, id));
CREATE INDEX decisions_time ON decisions (wearer, time);
`

// The names of counters.
const (
	countReadings   = "readings"
	countDuplicates = "duplicates"
	countRollups    = "rollups"
	countEpisodes   = "episodes"
	countFindings   = "findings"
	countDecisions  = "decisions"
	countAggregates = "aggregates"
	countDirty      = "dirty"
)
