package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is what databases do in ways of their own.
type dialect struct {
	name      string // for people
	goose     goose.Dialect
	dollars   bool // placeholders are $1, $2, …
	duplicate bool // ON DUPLICATE KEY UPDATE instead of ON CONFLICT
	keeps     bool // statements are kept by the connection that writes, of which there is one

	write, read *sql.TxOptions // nil: the default; read is a snapshot

	taken  func(error) bool // a unique name is
	undone func(error) bool // for others' sake: try again
	lock   func(ctx context.Context, c *sql.Conn) error
	unlock func(ctx context.Context, c *sql.Conn) error
}

// target is a database to connect to.
type target struct {
	*dialect
	where     string // without a password
	advice    string // for who cannot reach it
	connector driver.Connector
	readers   driver.Connector // nil: connector
	folder    string           // of the file; "": none
}

// bind writes the placeholders ? as the database wants them. Our statements have no
// other question marks.
func (d *dialect) bind(statement string) string {
	if !d.dollars {
		return statement
	}
	var b strings.Builder
	b.Grow(len(statement) + 64)
	n := 0
	for i := range len(statement) {
		if statement[i] != '?' {
			b.WriteByte(statement[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// insert is a statement that inserts so many rows. columns are parted by commas.
func insert(table, columns string, rows int) string {
	row := "(?" + strings.Repeat(",?", strings.Count(columns, ",")) + ")"
	return "INSERT INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(","+row, rows-1)
}

// ignore has an insert leave rows alone that are there.
func (d *dialect) ignore(insert, key string) string {
	if d.duplicate {
		return insert + " ON DUPLICATE KEY UPDATE " + key + " = " + key
	}
	return insert + " ON CONFLICT DO NOTHING"
}

// add has an insert add to the columns of rows that are there. columns are those of the
// table: first so many of the key, then those that are added up.
func (d *dialect) add(table, columns string, keys, rows int) string {
	all := strings.Split(columns, ",")
	var b strings.Builder
	b.WriteString(insert(table, columns, rows))
	if d.duplicate {
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
	} else {
		b.WriteString(" ON CONFLICT (" + strings.Join(all[:keys], ",") + ") DO UPDATE SET ")
	}
	for i, column := range all[keys:] {
		if i > 0 {
			b.WriteByte(',')
		}
		if d.duplicate {
			b.WriteString(column + " = " + column + " + VALUES(" + column + ")")
		} else {
			b.WriteString(column + " = " + table + "." + column + " + excluded." + column)
		}
	}
	return b.String()
}
