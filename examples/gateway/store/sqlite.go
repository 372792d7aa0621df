package store

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite has one writer at a time: a transaction that writes is one from its beginning.
var sqliteDialect = dialect{name: "SQLite", goose: goose.DialectSQLite3, keeps: true, taken: sqliteTaken, undone: sqliteBusy}

const sqlitePragmas = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)"

// sqliteWrites are of the connection that writes. What a statement has to undo, should it
// fail, is less than a batch: no file is needed.
const sqliteWrites = "&_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=temp_store(memory)"

// sqliteRoom are of that connection too, unless the operator says otherwise: pages that batch
// after batch changes are put into the file once for some of them, and a batch's fit into
// memory.
var sqliteRoom = []string{"wal_autocheckpoint(4000)", "journal_size_limit(33554432)", "cache_size(-16000)"}

// sqliteTarget is a file, which is made if it is not there, and its folder too, for us
// alone.
func sqliteTarget(path string) (target, error) {
	path, options, _ := strings.Cut(path, "?")
	path, err := filepath.Abs(path)
	if err != nil {
		return target{}, fmt.Errorf("store: the path of the SQLite file: %w", err)
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return target{}, fmt.Errorf("store: cannot make the folder of the SQLite file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return target{}, fmt.Errorf("store: cannot open the SQLite file: %w", err)
	}
	if err := file.Close(); err != nil {
		return target{}, fmt.Errorf("store: cannot open the SQLite file: %w", err)
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: slashed}).String() + "?" + sqlitePragmas
	if options != "" {
		dsn += "&" + options
	}
	t := target{
		dialect: &sqliteDialect, where: path, folder: folder,
		advice: "end the other program that holds it, or choose another file",
	}
	writes := dsn + sqliteWrites
	for _, pragma := range sqliteRoom {
		if name, _, _ := strings.Cut(pragma, "("); !strings.Contains(options, name) {
			writes += "&_pragma=" + pragma
		}
	}
	if t.connector, err = sqlite.NewConnector(writes); err == nil {
		t.readers, err = sqlite.NewConnector(dsn + "&_pragma=query_only(1)")
	}
	if err != nil {
		return target{}, fmt.Errorf("store: the options of the SQLite file: %w", err)
	}
	return t, nil
}

func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func sqliteTaken(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

func sqliteBusy(err error) bool {
	code := sqliteCode(err) & 0xff // the rest says why
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}
