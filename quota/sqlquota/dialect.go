package sqlquota

import "strings"

// statements are what is said to the database, in its dialect. The names of the tables are in them, as the Config's check
// allows; everything else is an argument.
type statements struct {
	begin []string // a transaction in which a row that is read is locked

	// lock locks a row and returns its state and the time; read returns them without a lock. The time is the server's
	// when the row was locked: as microseconds since 1970 when the statement began, and how many it has taken since.
	lock, read string
	insert     string // makes a row if there is none, and locks it
	update     string
	idle       string // some keys that are idle since before a time, in microseconds
	purge      string // a key, if it still is
	version    string // of the schema
}

// statementsFor is for a checked Config.
func statementsFor(c Config) statements {
	var s statements
	switch c.Dialect {
	case PostgreSQL:
		s = postgreSQL
	case MySQL:
		s = mySQL
	default:
		s = sqlite
	}
	for _, text := range []*string{&s.lock, &s.read, &s.insert, &s.update, &s.idle, &s.purge, &s.version} {
		*text = strings.ReplaceAll(*text, "{prefix}", c.Prefix)
	}
	return s
}

// PostgreSQL's subquery is there for the clock to be read after the lock is had.
var postgreSQL = statements{
	begin: []string{`BEGIN ISOLATION LEVEL READ COMMITTED`},
	lock: `SELECT state, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint, 0::bigint
		FROM (SELECT state FROM {prefix}keys WHERE id = $1 FOR UPDATE) AS locked`,
	read: `SELECT state, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint, 0::bigint
		FROM {prefix}keys WHERE id = $1`,
	insert: `INSERT INTO {prefix}keys (id, name, state, idle_at) VALUES ($1, $2, $3, 0)
		ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id`,
	update: `UPDATE {prefix}keys SET state = $1, idle_at = $2 WHERE id = $3`,
	idle: `SELECT id FROM {prefix}keys
		WHERE idle_at < LEAST($1::bigint, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint) ORDER BY idle_at LIMIT $2`,
	purge: `DELETE FROM {prefix}keys
		WHERE id = $1 AND idle_at < LEAST($2::bigint, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint)`,
	version: `SELECT version FROM {prefix}schema WHERE id = 1`,
}

// MySQL's UTC_TIMESTAMP is the time when the statement began, before it waited for the lock. SYSDATE is the time when the
// row was read, but local: what it is ahead of NOW is how long it waited.
var mySQL = statements{
	begin: []string{`SET TRANSACTION ISOLATION LEVEL READ COMMITTED`, `START TRANSACTION`},
	lock: `SELECT state, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)), TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))
		FROM {prefix}keys WHERE id = ? FOR UPDATE`,
	read: `SELECT state, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)), 0
		FROM {prefix}keys WHERE id = ?`,
	insert: `INSERT INTO {prefix}keys (id, name, state, idle_at) VALUES (?, ?, ?, 0)
		ON DUPLICATE KEY UPDATE id = id`,
	update: `UPDATE {prefix}keys SET state = ?, idle_at = ? WHERE id = ?`,
	idle: `SELECT id FROM {prefix}keys
		WHERE idle_at < LEAST(?, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))) ORDER BY idle_at LIMIT ?`,
	purge: `DELETE FROM {prefix}keys
		WHERE id = ? AND idle_at < LEAST(?, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)))`,
	version: `SELECT version FROM {prefix}schema WHERE id = 1`,
}

// SQLite has no clock that is finer than ours, nor another: a time of 0 is ours.
var sqlite = statements{
	begin: []string{`BEGIN IMMEDIATE`},
	lock:  `SELECT state, 0, 0 FROM {prefix}keys WHERE id = ?`,
	read:  `SELECT state, 0, 0 FROM {prefix}keys WHERE id = ?`,
	insert: `INSERT INTO {prefix}keys (id, name, state, idle_at) VALUES (?, ?, ?, 0)
		ON CONFLICT (id) DO NOTHING`,
	update:  `UPDATE {prefix}keys SET state = ?, idle_at = ? WHERE id = ?`,
	idle:    `SELECT id FROM {prefix}keys WHERE idle_at < ? ORDER BY idle_at LIMIT ?`,
	purge:   `DELETE FROM {prefix}keys WHERE id = ? AND idle_at < ?`,
	version: `SELECT version FROM {prefix}schema WHERE id = 1`,
}
