package sqlite

// applicationID marks a file as a series store ("sitw"), as
// https://www.sqlite.org/pragma.html#pragma_application_id suggests.
const applicationID = 0x73697477

// schemaVersion is the layout below; a file of a newer one is refused, one of
// an older one is brought up to it.
const schemaVersion = 2

// minuteBits is how much of a row's key the minute since 1970 takes: until the
// year 2480. The wearer's number is in the 35 bits above it.
const minuteBits = 28

// schema creates a new file. Times are milliseconds since 1970 UTC, minutes
// are counted from there too, durations are milliseconds, flexion is in
// thousandths of a degree.
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

-- id is wearer << 28 | minute in both.
CREATE TABLE minutes (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE rollups (id INTEGER PRIMARY KEY,
	sitting INTEGER NOT NULL, standing INTEGER NOT NULL, moving INTEGER NOT NULL, not_worn INTEGER NOT NULL,
	upright INTEGER NOT NULL, slouched INTEGER NOT NULL, flexion INTEGER NOT NULL, breaks INTEGER NOT NULL);

-- ended is NULL while an episode is open. told is the time of its last finding. tripped ranks the finding that flexion comes from, lowest first.
CREATE TABLE episodes (wearer INTEGER NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL,
	start INTEGER NOT NULL, ended INTEGER, level INTEGER NOT NULL, outcome TEXT NOT NULL,
	seconds REAL NOT NULL, flexion REAL NOT NULL, tripped INTEGER NOT NULL, told INTEGER NOT NULL,
	PRIMARY KEY (wearer, id)) WITHOUT ROWID;
CREATE INDEX episodes_start ON episodes (wearer, start);

CREATE TABLE decisions (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, id TEXT NOT NULL,
	time INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (wearer, id));
CREATE INDEX decisions_time ON decisions (wearer, time);
`

// upgrade1 makes version 2 of a file of version 1, which kept no time of the
// last finding: its length tells about the same.
const upgrade1 = `
ALTER TABLE episodes ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE episodes SET told = start + CAST(seconds * 1000 AS INTEGER);
`

// The names of counters.
const (
	countReadings   = "readings"
	countDuplicates = "duplicates"
	countRollups    = "rollups"
	countEpisodes   = "episodes"
	countDecisions  = "decisions"
)

// The statements of an append; each is prepared once.
const (
	sqlPosition    = `SELECT seq FROM positions WHERE stream = ?`
	sqlSetPosition = `INSERT INTO positions (stream, seq) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = ?2`
	sqlRewind      = `DELETE FROM positions WHERE stream = ?`
	sqlCount       = `INSERT INTO counters (name, n) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET n = n + ?2`
	sqlWearer      = `SELECT id FROM wearers WHERE org = ? AND wearer = ?`
	sqlAddWearer   = `INSERT INTO wearers (org, wearer) VALUES (?, ?)`
	sqlRun         = `SELECT id FROM runs WHERE org = ? AND device = ? AND boot = ?`
	sqlAddRun      = `INSERT INTO runs (org, device, boot) VALUES (?, ?, ?)`
	sqlSeen        = `SELECT spans FROM seen WHERE run = ? AND block = ?`
	sqlSetSeen     = `INSERT INTO seen (run, block, spans) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET spans = ?3`

	// || makes a text of the same bytes, which the cast takes back.
	sqlMinute = `INSERT INTO minutes (id, data) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET data = CAST(data || ?2 AS BLOB)`

	sqlAddRollup = `INSERT INTO rollups (id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING`
	sqlSetRollup = `UPDATE rollups SET sitting = ?2, standing = ?3, moving = ?4, not_worn = ?5, upright = ?6, slouched = ?7,
		flexion = ?8, breaks = ?9 WHERE id = ?1`

	sqlAddEpisode = `INSERT INTO episodes (wearer, id, rule, start, ended, level, outcome, seconds, flexion, tripped, told)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING`
	// A finding that does not close (?5 is NULL) changes neither the end nor
	// what the closing one said of the length.
	sqlSetEpisode = `UPDATE episodes SET level = max(level, ?6),
		outcome = CASE WHEN ?5 IS NULL THEN outcome ELSE ?7 END,
		seconds = CASE WHEN ?5 IS NOT NULL THEN ?8 WHEN ended IS NULL THEN max(seconds, ?8) ELSE seconds END,
		ended = ifnull(?5, ended),
		flexion = CASE WHEN ?10 < tripped THEN ?9 ELSE flexion END, tripped = min(tripped, ?10),
		told = max(told, ?11)
		WHERE wearer = ?1 AND id = ?2`

	sqlAddDecision = `INSERT INTO decisions (wearer, id, time, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
	sqlSetDecision = `UPDATE decisions SET time = ?3, body = ?4 WHERE wearer = ?1 AND id = ?2`
)
