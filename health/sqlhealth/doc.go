// Package sqlhealth keeps health in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB, through database/sql and a
// driver that the program chooses. It is for programs that share a database and have no Redis; health/redishealth takes
// one round trip where this takes two, and tells what has changed. (MySQL's driver takes two for each statement, unless
// interpolateParams=true is set.)
//
//	db, err := sql.Open("pgx", dsn) // github.com/jackc/pgx/v5/stdlib
//	config := sqlhealth.Config{Dialect: sqlhealth.PostgreSQL}
//	err = sqlhealth.Migrate(ctx, db, config) // makes the table
//	store, err := sqlhealth.New(db, config)
//
// # What it costs
//
// A subject that has ever failed is one row. Load is one SELECT for each 500 subjects. Update compares and swaps, without
// a transaction of its own: it reads the row, lets the func change the state, and writes the row if nobody has written it
// meanwhile; else it begins anew. Callers of one program that change the same subject do so one after the other.
//
//	SELECT state, stamp ─► f ─► UPDATE … WHERE stamp = what was read ─► one row: done, none: again
//
// The table grows with each model that ever failed, until [Store.Purge] is called: do so every hour. A balancer gives each call half a second before it takes the store for
// broken, and goes on with what it knows: where hundreds of requests fail at once, or another writes to SQLite for long,
// that can be too short.
//
// # Databases
//
// PostgreSQL: github.com/jackc/pgx/v5/stdlib. MySQL and MariaDB: github.com/go-sql-driver/mysql, with Config.Retryable for
// its deadlocks, as package quota/sqlquota has it, and autocommit as it is by default. SQLite: modernc.org/sqlite; use
// journal_mode(WAL) and a busy_timeout of some seconds, for the time in which another writes.
package sqlhealth
