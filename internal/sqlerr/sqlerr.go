// Package sqlerr reads what the errors of SQL drivers say of themselves by their methods, and never by their texts.
package sqlerr

import "errors"

// State is the SQLSTATE of an error, as drivers of PostgreSQL tell it.
func State(err error) (state string, ok bool) {
	var e interface{ SQLState() string }
	if ok = errors.As(err, &e); ok {
		state = e.SQLState()
	}
	return state, ok
}

// Code is SQLite's code of an error, as modernc.org/sqlite tells it.
func Code(err error) (code int, ok bool) {
	var e interface{ Code() int }
	if ok = errors.As(err, &e); ok {
		code = e.Code()
	}
	return code, ok
}

// UndonePostgreSQL reports whether PostgreSQL undid what the error is about, so that it may be tried again.
func UndonePostgreSQL(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	state, _ := State(err)
	return state == serializationFailure || state == deadlockDetected
}

// UndoneSQLite reports whether SQLite did nothing of what the error is about, since others held the database.
func UndoneSQLite(err error) bool {
	const busy, locked = 5, 6
	code, ok := Code(err)
	return ok && (code&0xff == busy || code&0xff == locked)
}
