package sqlquota_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync"
	"testing"
)

// fake is a database that has no rows, and whose statements fail as a test wants.
type fake struct {
	fail func(statement string) error // nil: it succeeds

	mu         sync.Mutex
	statements []string
	opened     int
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
	return &fakeConn{f}, nil
}

type fakeConn struct{ *fake }

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { panic("not called") }
func (c *fakeConn) Begin() (driver.Tx, error)           { panic("not called") }
func (c *fakeConn) Close() error                        { return nil }

func (c *fakeConn) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.said(statement)
}

func (c *fakeConn) QueryContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Rows, error) {
	if statement == "SELECT version FROM aitransport_quota_schema WHERE id = 1" {
		return &fakeRows{[]driver.Value{int64(1)}}, c.said(statement)
	}
	return &fakeRows{[]driver.Value{[]byte(nil), int64(0), int64(0)}}, c.said(statement)
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
