// Package sqlstores_test has the stores of sqlquota work on real databases.
package sqlstores_test

import (
	"cmp"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil { // they wait for the clock, not for a processor
		panic(err)
	}
	m.Run()
}

// database is one to have stores in.
type database struct {
	name        string
	driver, dsn string
	config      sqlquota.Config
	server      *servers.Database // nil: none
}

// databases is one of each sort, with the server that it needs.
var databases = []struct {
	name  string
	start func(testing.TB) database
}{{"SQLite", startSQLite}, {"PostgreSQL", startPostgreSQL}, {"MariaDB", startMariaDB}}

func startSQLite(tb testing.TB) database {
	file := filepath.Join(tb.TempDir(), "quota.db")
	return database{"SQLite", "sqlite", "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)", sqlquota.Config{Dialect: sqlquota.SQLite}, nil}
}

func startPostgreSQL(tb testing.TB) database {
	server := servers.PostgreSQL(tb)
	return database{"PostgreSQL", server.Driver, server.DSN, sqlquota.Config{Dialect: sqlquota.PostgreSQL}, server}
}

func startMariaDB(tb testing.TB) database {
	server := servers.MariaDB(tb)
	config := sqlquota.Config{Dialect: sqlquota.MySQL, Retryable: undoneByMySQL}
	return database{"MariaDB", server.Driver, server.DSN + "?interpolateParams=true", config, server}
}

func undoneByMySQL(err error) bool {
	const lockWaitTimeout, deadlock = 1205, 1213
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == lockWaitTimeout || e.Number == deadlock)
}

// open is a pool of at most so many connections.
func (d database) open(tb testing.TB, most int) *sql.DB {
	tb.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db
}

var prefixes atomic.Int64

// apart is the database with tables that nobody else uses; in SQLite, where one writes at a time, another file.
func (d database) apart(tb testing.TB) database {
	if d.server == nil {
		return startSQLite(tb)
	}
	d.config.Prefix = fmt.Sprintf("t%d_", prefixes.Add(1))
	return d
}

// table is the name of one of the tables.
func (d database) table(name string) string {
	return cmp.Or(d.config.Prefix, "aitransport_quota_") + name
}

// store is a store in tables that are there.
func (d database) store(tb testing.TB, db *sql.DB) *sqlquota.Store {
	tb.Helper()
	require.NoError(tb, sqlquota.Migrate(tb.Context(), db, d.config))
	s, err := sqlquota.New(tb.Context(), db, d.config)
	require.NoError(tb, err)
	return s
}
