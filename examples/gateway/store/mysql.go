package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

var mysqlDialect = dialect{
	name: "MySQL", goose: goose.DialectMySQL, duplicate: true,
	write:  &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	read:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	taken:  func(err error) bool { return mysqlNumber(err) == 1062 },
	undone: func(err error) bool { number := mysqlNumber(err); return number == 1205 || number == 1213 }, // a lock wait that timed out, a deadlock
	lock:   mysqlLock,
	unlock: func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "DO RELEASE_LOCK('aitransport_gateway')")
		return err
	},
}

// mysqlLock waits for others that migrate, for a minute.
func mysqlLock(ctx context.Context, c *sql.Conn) error {
	var locked sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT GET_LOCK('aitransport_gateway', 60)").Scan(&locked); err != nil {
		return err
	}
	if locked.Int64 != 1 {
		return errors.New("another program has been changing the tables for a minute")
	}
	return nil
}

func mysqlTarget(raw string) (target, error) {
	unreadable := errors.New("store: the URL of the MySQL database cannot be read: write it as in mysql://user:password@host:3306/name?tls=true")
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return target{}, unreadable
	}
	config, err := mysql.ParseDSN("tcp(localhost)/?" + u.RawQuery)
	if err != nil {
		return target{}, fmt.Errorf("store: the options of the MySQL database's URL: %w", err)
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	config.Addr = net.JoinHostPort(u.Hostname(), port)
	config.DBName = strings.Trim(u.Path, "/")
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	// What we rely on: times in what goose reads, one round trip a statement, and that a
	// row that is found and stays as it is counts.
	config.ParseTime, config.InterpolateParams, config.ClientFoundRows = true, true, true
	if config.Timeout == 0 {
		config.Timeout = connectTime
	}
	config.Logger = &mysql.NopLogger{} // what it says is in the errors
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return target{}, unreadable
	}
	return target{
		dialect:   &mysqlDialect,
		where:     fmt.Sprintf("%s, database %s, user %s", config.Addr, config.DBName, config.User),
		advice:    "start it, or correct the URL",
		connector: connector,
	}, nil
}

func mysqlNumber(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
