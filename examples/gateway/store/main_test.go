package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/examples/internal/servers"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childOf); url != "" {
		child(url)
		return
	}
	goleak.VerifyTestMain(m)
}

// world is a database server, or none, with databases in it.
type world struct {
	name   string
	server *servers.Database // nil: SQLite
}

var worlds = []struct {
	name  string
	start func(testing.TB) world
}{
	{"SQLite", func(testing.TB) world { return world{"SQLite", nil} }},
	{"PostgreSQL", func(tb testing.TB) world { return world{"PostgreSQL", servers.PostgreSQL(tb)} }},
	{"MariaDB", func(tb testing.TB) world { return world{"MariaDB", servers.MariaDB(tb)} }},
}

// suite are the tests that every database has to pass, each in a database of its own.
var suite = []struct {
	name string
	test func(*testing.T, world)
}{
	{"migrating twice and at once", migrating},
	{"a newer schema", newerSchema},
	{"another master key", anotherKey},
	{"settings", settings},
	{"accounts", accounts},
	{"tokens", tokens},
	{"changes of accounts at once", accountsAtOnce},
	{"keys", keys},
	{"names of keys", keyNames},
	{"another master key for all", rotation},
	{"records", records},
	{"rows of many sorts", manySorts},
	{"pages of the log", pages},
	{"hostile texts", hostileTexts},
	{"sums as a slow model has them", slowModel},
	{"amounts that no request can have", absurdAmounts},
	{"a lost COMMIT", lostCommit},
	{"a full queue", fullQueue},
	{"a killed program", killed},
	{"several programs", severalPrograms},
	{"differences are told", differences},
	{"a spool file", spoolFile},
	{"retention", retention},
	{"names that clients make up", madeUpNames},
	{"leases of tokens", leases},
	{"a lease whose answer is lost", lostLease},
	{"accounts that come and go", accountsComeAndGo},
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, sort := range worlds {
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			w := sort.start(t)
			for _, c := range suite {
				t.Run(c.name, func(t *testing.T) { c.test(t, w) })
			}
		})
	}
}

var databases atomic.Int64

// fresh is the URL of an empty database.
func (w world) fresh(t testing.TB) string {
	t.Helper()
	if w.server == nil {
		return filepath.Join(t.TempDir(), "a folder", "gate way #1%20.db")
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	db := w.server.Open()
	_, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	if w.name == "PostgreSQL" {
		u, err := url.Parse(w.server.DSN)
		require.NoError(t, err)
		u.Path = "/" + name
		return u.String()
	}
	_, rest, _ := strings.Cut(w.server.DSN, "(")
	address, _, _ := strings.Cut(rest, ")")
	return "mysql://root@" + address + "/" + name
}

// masterKey is one for tests.
var masterKey = bytes.Repeat([]byte{7}, 32)

func config(t testing.TB, url string) store.Config {
	return store.Config{URL: url, Key: masterKey, SpoolDir: t.TempDir(), Flush: 10 * time.Millisecond}
}

// open opens a database, and closes it with the test.
func open(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { shut(t, db) })
	return db
}

func shut(t testing.TB, db *store.DB) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	require.NoError(t, db.Close(ctx))
}

// agree requires that the sums of the database agree.
func agree(t *testing.T, db *store.DB) store.Report {
	t.Helper()
	report, err := db.Reconcile(t.Context())
	require.NoError(t, err)
	require.True(t, report.Agrees(), "%v", report)
	return report
}

// query is a single value.
func query[T any](t *testing.T, db *store.DB, statement string) (value T) {
	t.Helper()
	require.NoError(t, db.SQL().QueryRowContext(t.Context(), statement).Scan(&value))
	return value
}

func change(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// noon is a time on a day that is not over.
func noon() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
}

// request is a plain record.
func request(i int) resource.Request {
	return resource.Request{
		ID: fmt.Sprintf("req_%06d", i), UserID: "u1", KeyID: "key_1", Account: "main", API: "openai", Operation: "generate",
		Model: "gpt-5", Status: 200, InputTokens: 10, CachedInputTokens: 4, OutputTokens: 5, Cost: 1000, Charged: 1500, CostKnown: true,
		UsedProxy: "direct", Trail: []byte(`{"attempts":[]}`), Start: noon().Add(time.Duration(i) * time.Millisecond),
		FirstByte: time.Millisecond, Duration: time.Second,
	}
}
