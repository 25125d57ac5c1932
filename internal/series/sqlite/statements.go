package sqlite

// The statements of an append and of a replacement; each is prepared once.
const (
	sqlPosition    = `SELECT seq, ifnull(identity, '') FROM positions LEFT JOIN logs USING (stream) WHERE stream = ?`
	sqlSetPosition = `INSERT INTO positions (stream, seq) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = ?2`
	sqlSetLog      = `INSERT INTO logs (stream, identity) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET identity = ?2`
	sqlRewind      = `DELETE FROM positions WHERE stream = ?`
	sqlCount       = `INSERT INTO counters (name, n) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET n = n + ?2`
	sqlWearer      = `SELECT id FROM wearers WHERE org = ? AND wearer = ?`
	sqlAddWearer   = `INSERT INTO wearers (org, wearer) VALUES (?, ?)`
	sqlRun         = `SELECT id FROM runs WHERE org = ? AND device = ? AND boot = ?`
	sqlAddRun      = `INSERT INTO runs (org, device, boot) VALUES (?, ?, ?)`
	sqlSeen        = `SELECT spans FROM seen WHERE run = ? AND block = ?`
	sqlSetSeen     = `INSERT INTO seen (run, block, spans) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET spans = ?3`

	// Of late, spans are in the order of their last as of their first: they lie apart.
	// sqlTouched are those that overlap or adjoin a span from ?2 to ?3: those that end
	// in it, and perhaps the next one.
	sqlTouched = `SELECT first, last FROM late WHERE run = ?1 AND last >= ?2 - 1 AND first <= ?3 + 1
		AND last <= ifnull((SELECT min(last) FROM late WHERE run = ?1 AND last > ?3), ?3) ORDER BY last`
	sqlDropLate = `DELETE FROM late WHERE run = ?1 AND last BETWEEN ?2 AND ?3`
	sqlAddLate  = `INSERT INTO late (run, first, last) VALUES (?1, ?2, ?3)`

	// || makes a text of the same bytes, which the cast takes back.
	sqlMinute = `INSERT INTO minutes (id, data) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET data = CAST(data || ?2 AS BLOB)`

	sqlAddRollup = `INSERT INTO rollups (id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING`
	sqlSetRollup = `UPDATE rollups SET sitting = ?2, standing = ?3, moving = ?4, not_worn = ?5, upright = ?6, slouched = ?7,
		flexion = ?8, breaks = ?9, flexion_p95 = ?10, lean_left = ?11, lean_right = ?12, bent = ?13, load_peak = ?14,
		shifts = ?15, bout = ?16 WHERE id = ?1`
	// sqlGrowRollup leaves a minute alone that covers more time than what would replace it:
	// of what the wearer did, and where that is the same, of judged posture.
	sqlGrowRollup = sqlSetRollup + ` AND (sitting + standing + moving + not_worn, upright + slouched) <=
		(?2 + ?3 + ?4 + ?5, ?6 + ?7)`
	sqlDropRollups = `DELETE FROM rollups WHERE id BETWEEN ?1 AND ?2`

	sqlAddEpisode = `INSERT INTO episodes (wearer, id, rule, start, ended, level, outcome, seconds, flexion, tripped, told,
		severity, cause, caused)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING`
	// A finding that does not close (?5 is NULL) changes neither the end nor
	// what the closing one said of the length.
	sqlSetEpisode = `UPDATE episodes SET level = max(level, ?6),
		outcome = CASE WHEN ?5 IS NULL THEN outcome ELSE ?7 END,
		seconds = CASE WHEN ?5 IS NOT NULL THEN ?8 WHEN ended IS NULL THEN max(seconds, ?8) ELSE seconds END,
		ended = ifnull(?5, ended),
		flexion = CASE WHEN ?10 < tripped THEN ?9 ELSE flexion END, tripped = min(tripped, ?10),
		told = max(told, ?11), severity = max(severity, ?12),
		cause = CASE WHEN ?14 < caused THEN ?13 ELSE cause END, caused = min(caused, ?14)
		WHERE wearer = ?1 AND id = ?2`
	sqlDropEpisodes = `DELETE FROM episodes WHERE wearer = ?1 AND start >= ?2 AND start < ?3`

	sqlAddFinding = `INSERT INTO findings (wearer, episode, id, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
	sqlSetFinding = `UPDATE findings SET body = ?4 WHERE episode = ?2 AND wearer = ?1 AND id = ?3`
	// sqlDropFindings removes those of the episodes that sqlDropEpisodes does.
	sqlDropFindings = `DELETE FROM findings WHERE wearer = ?1 AND episode IN
		(SELECT id FROM episodes WHERE wearer = ?1 AND start >= ?2 AND start < ?3)`

	sqlAddDecision = `INSERT INTO decisions (wearer, id, time, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
	sqlSetDecision = `UPDATE decisions SET time = ?3, body = ?4 WHERE wearer = ?1 AND id = ?2`
)

// statements are all of them.
func statements() []string {
	return []string{
		sqlPosition, sqlSetPosition, sqlSetLog, sqlCount, sqlWearer, sqlAddWearer, sqlRun, sqlAddRun, sqlSeen, sqlSetSeen,
		sqlTouched, sqlDropLate, sqlAddLate, sqlMinute, sqlAddRollup, sqlSetRollup, sqlGrowRollup, sqlDropRollups,
		sqlAddEpisode, sqlSetEpisode, sqlDropEpisodes, sqlAddFinding, sqlSetFinding, sqlDropFindings,
		sqlAddDecision, sqlSetDecision, sqlAddAggregate, sqlSetAggregate, sqlBury,
	}
}
