// Package sqlquota keeps quota in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB, through database/sql and a driver
// that the program chooses. All programs on one database share the counts.
//
//	db, err := sql.Open("pgx", dsn) // github.com/jackc/pgx/v5/stdlib
//	config := sqlquota.Config{Dialect: sqlquota.PostgreSQL}
//	err = sqlquota.Migrate(ctx, db, config) // makes the tables, or brings them up to date
//	store, err := sqlquota.New(ctx, db, config)
//
// Migrate and New ask the database, so a program cannot begin while that is away, whatever a [quota.Guard] does later: try
// them again until they succeed, or end and be started again.
//
// # What it costs
//
// A key is one row. Each method locks the row, reads it, does the arithmetic of quota.Memory, writes the row and commits:
// one transaction for each Reserve and each Settle, however many limits there are, and one for a ReserveAll or SettleAll
// of any number of keys, whose rows are locked in one order. Levels reads without a lock.
//
//	BEGIN ─► SELECT … FOR UPDATE, a key each ─► (is there room? charge) ─► UPDATE, a key each ─► COMMIT
//
// So calls for one key wait for each other, for four round trips each (MySQL and MariaDB: five, and more if the driver
// prepares each statement: set interpolateParams=true): a key that all calls are charged to admits some hundred calls a
// second to some thousand, depending on how far away the database is and how long it takes to commit. Keys apart do not
// wait for each other, but in SQLite, which has one writer at a time. For these waits [quota.NewGuard] gives each call 4 s
// before it takes the database for broken; a burst that takes longer needs a longer GuardConfig.Timeout. A row holds up to 62 numbers for each rolling window
// and some 40 bytes for each reservation that can still be settled, and is written whole. For more calls a second than
// that, take Redis.
//
// # Time
//
// It is the database server's time that counts, read when the row is locked; programs whose clocks are wrong do no harm.
// SQLite has no server: there it is the program's, so all programs are to be on one machine, as SQLite wants anyway. If
// the clock is put back by up to a minute, rolling windows and expiry wait for it; by more, they go on from where they
// were. Daily, weekly and monthly windows then stay where they are, as [quota.Memory] has it.
//
// Reservations that are over are dropped when their key is used. The row of a key that is no longer used stays until
// [Store.Purge].
//
// # Databases
//
// PostgreSQL: github.com/jackc/pgx/v5/stdlib and lib/pq, version 10 or later. READ COMMITTED is asked for, whatever the
// default is.
//
// MySQL 5.7 or later and MariaDB 10.3 or later: github.com/go-sql-driver/mysql. READ COMMITTED needs binlog_format ROW or
// MIXED, which are the defaults. The driver's errors have no methods that say what they are, so say it in
// Config.Retryable:
//
//	Retryable: func(err error) bool {
//		var e *mysql.MySQLError
//		return errors.As(err, &e) && (e.Number == 1205 || e.Number == 1213) // a lock wait that timed out, a deadlock
//	}
//
// SQLite 3.24 or later: modernc.org/sqlite, or mattn/go-sqlite3 with a Retryable that knows its ErrBusy. Use a file, and
// journal_mode(WAL). Several programs may use it: who finds it locked tries again for some seconds.
package sqlquota
