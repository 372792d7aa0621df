package sqlquota_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
)

// fake is a database whose statements fail as a test wants, a COMMIT after it is carried out. It has one transaction at
// a time.
type fake struct {
	fail   func(statement string) error // nil: it succeeds
	states map[string][]byte            // of SQLite's rows, by id; nil: what is written is not kept
	undoes func() bool                  // whether a COMMIT is not carried out; nil: never
	broken int                          // so many of the connections, the first that were opened, are

	mu         sync.Mutex
	statements []string
	opened     int
	pending    map[string][]byte // what is not committed
}

func (f *fake) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(f)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (f *fake) said(statement string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statements = append(f.statements, statement)
	return f.fail(statement)
}

// keep does what a statement says to the rows.
func (f *fake) keep(statement string, args []driver.NamedValue) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch word, _, _ := strings.Cut(statement, " "); {
	case f.states == nil:
	case word == "UPDATE":
		f.pending[string(args[2].Value.([]byte))] = args[0].Value.([]byte)
	case word == "COMMIT" && (f.undoes == nil || !f.undoes()):
		maps.Copy(f.states, f.pending)
		f.pending = map[string][]byte{}
	default:
		f.pending = map[string][]byte{}
	}
}

func (f *fake) state(id []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.states[string(id)]
}

func (f *fake) count(statement string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.statements {
		if s == statement {
			n++
		}
	}
	return n
}

func (f *fake) Driver() driver.Driver { return nil }

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	return &fakeConn{f, f.opened}, nil
}

type fakeConn struct {
	*fake
	number int
}

func (c *fakeConn) said(statement string) error {
	if c.number <= c.broken {
		return errPlain
	}
	return c.fake.said(statement)
}

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { panic("not called") }
func (c *fakeConn) Begin() (driver.Tx, error)           { panic("not called") }
func (c *fakeConn) Close() error                        { return nil }

func (c *fakeConn) ExecContext(_ context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	c.keep(statement, args)
	return driver.RowsAffected(1), c.said(statement)
}

func (c *fakeConn) QueryContext(_ context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	if statement == "SELECT version FROM aitransport_quota_schema WHERE id = 1" {
		return &fakeRows{[]driver.Value{int64(1)}}, c.said(statement)
	}
	return &fakeRows{[]driver.Value{c.state(args[0].Value.([]byte)), int64(0), int64(0)}}, c.said(statement)
}

// fakeRows is one row.
type fakeRows struct{ row []driver.Value }

func (r *fakeRows) Columns() []string { return make([]string, len(r.row)) }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, r.row)
	r.row = nil
	return nil
}
