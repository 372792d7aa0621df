package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

var postgresDialect = dialect{
	name: "PostgreSQL", goose: goose.DialectPostgres, dollars: true,
	write:  &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	read:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	taken:  func(err error) bool { return postgresCode(err) == "23505" },
	undone: func(err error) bool { code := postgresCode(err); return code == "40001" || code == "40P01" },
	lock: func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock)
		return err
	},
	unlock: func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", migrationLock)
		return err
	},
}

// migrationLock is any number that others do not lock.
const migrationLock int64 = 0x61697472_67617465

func postgresTarget(raw string) (target, error) {
	config, err := pgx.ParseConfig(raw)
	if err != nil {
		return target{}, errors.New("store: the URL of the PostgreSQL database cannot be read: write it as in postgres://user:password@host:5432/name?sslmode=require")
	}
	config.ConnectTimeout = connectTime
	return target{
		dialect:   &postgresDialect,
		where:     fmt.Sprintf("%s:%d, database %s, user %s", config.Host, config.Port, config.Database, config.User),
		advice:    "start it, or correct the URL",
		connector: stdlib.GetConnector(*config),
	}, nil
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
