package sqlite

// applicationID marks a file as a series store ("sitw"), as
// https://www.sqlite.org/pragma.html#pragma_application_id suggests.
const applicationID = 0x73697477

// schemaVersion is the layout below; a file of a newer one is refused, one of
// an older one is brought up to it.
const schemaVersion = 3

// minuteBits is how much of a row's key the minute since 1970 takes: until the
// year 2480. The wearer's number is in the 35 bits above it.
const minuteBits = 28

// schema creates a new file. Times are milliseconds since 1970 UTC, minutes
// are counted from there too. In a rollup durations are milliseconds, angles
// thousandths of a degree, the load's peak thousandths of the budget; in an
// episode they are seconds and degrees.
const schema = `
-- The highest log sequence of each stream that is in this file.
CREATE TABLE positions (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

-- Numbers for names, so that keys are integers. A run is a device since it was
-- switched on.
CREATE TABLE wearers (id INTEGER PRIMARY KEY, org TEXT NOT NULL, wearer TEXT NOT NULL, UNIQUE (org, wearer));
CREATE TABLE runs (id INTEGER PRIMARY KEY, org TEXT NOT NULL, device TEXT NOT NULL, boot INTEGER NOT NULL,
	UNIQUE (org, device, boot));

-- Which sequence numbers of a run are stored: spans in blocks of 65,536.
CREATE TABLE seen (run INTEGER NOT NULL, block INTEGER NOT NULL, spans BLOB NOT NULL, PRIMARY KEY (run, block)) WITHOUT ROWID;

-- Which of them, stored yet or not, came too late to be judged: spans of a run, both
-- ends included, that neither overlap nor adjoin.
CREATE TABLE late (run INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (run, last)) WITHOUT ROWID;

-- id is wearer << 28 | minute in both.
CREATE TABLE minutes (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE rollups (id INTEGER PRIMARY KEY,
	sitting INTEGER NOT NULL, standing INTEGER NOT NULL, moving INTEGER NOT NULL, not_worn INTEGER NOT NULL,
	upright INTEGER NOT NULL, slouched INTEGER NOT NULL, flexion INTEGER NOT NULL, breaks INTEGER NOT NULL,
	flexion_p95 INTEGER NOT NULL, lean_left INTEGER NOT NULL, lean_right INTEGER NOT NULL, bent INTEGER NOT NULL,
	load_peak INTEGER NOT NULL, shifts INTEGER NOT NULL, bout INTEGER NOT NULL);

-- ended is NULL while an episode is open. told is the time of its last finding. tripped
-- and caused rank the finding that flexion and cause come from, lowest first.
CREATE TABLE episodes (wearer INTEGER NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL,
	start INTEGER NOT NULL, ended INTEGER, level INTEGER NOT NULL, outcome TEXT NOT NULL,
	seconds REAL NOT NULL, flexion REAL NOT NULL, tripped INTEGER NOT NULL, told INTEGER NOT NULL,
	severity INTEGER NOT NULL, cause TEXT NOT NULL, caused INTEGER NOT NULL,
	PRIMARY KEY (wearer, id)) WITHOUT ROWID;
CREATE INDEX episodes_start ON episodes (wearer, start);

` + tableFindings + `
CREATE TABLE decisions (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, id TEXT NOT NULL,
	time INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (wearer, id));
CREATE INDEX decisions_time ON decisions (wearer, time);
`

// tableFindings holds findings whole; body is what packer makes of one.
const tableFindings = `
CREATE TABLE findings (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, episode TEXT NOT NULL, id TEXT NOT NULL,
	body BLOB NOT NULL, UNIQUE (episode, wearer, id));
`

// tableLogs tells which log a position is of. It came without a new version, so that
// the build before reads the file, too: it is made wherever it is missing, and whoever
// does not know it leaves it alone. A row counts only beside a position.
const tableLogs = `
CREATE TABLE IF NOT EXISTS logs (stream TEXT PRIMARY KEY, identity TEXT NOT NULL) WITHOUT ROWID;
`

// upgrades are how a file of a version becomes one of the next.
func upgrades() map[int]string { return map[int]string{1: upgrade1, 2: upgrade2} }

// upgrade1 makes version 2 of a file of version 1, which kept no time of the
// last finding: its length tells about the same.
const upgrade1 = `
ALTER TABLE episodes ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE episodes SET told = start + CAST(seconds * 1000 AS INTEGER);
`

// upgrade2 makes version 3 of a file of version 2, which kept neither marks nor
// findings. What it knew nothing of is zero: the severity of its episodes is
// unknown and they are explained by no finding.
const upgrade2 = `
CREATE TABLE late (run INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (run, last)) WITHOUT ROWID;
ALTER TABLE rollups ADD COLUMN flexion_p95 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN lean_left INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN lean_right INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN bent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN load_peak INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN shifts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN bout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE episodes ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE episodes ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE episodes ADD COLUMN caused INTEGER NOT NULL DEFAULT 1000;
` + tableFindings

// The names of counters.
const (
	countReadings   = "readings"
	countDuplicates = "duplicates"
	countRollups    = "rollups"
	countEpisodes   = "episodes"
	countFindings   = "findings"
	countDecisions  = "decisions"
	countAggregates = "aggregates"
)
