package sqlstores_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// oneTransactionEach looks at every statement that the driver is given.
func oneTransactionEach(t *testing.T, d database) {
	limits := []quota.Limit{
		{Unit: quota.InFlight, Max: 100}, {Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Tokens, Max: 100, Window: quota.Daily(0, nil)}, {Unit: quota.Cost, Max: 100, Window: quota.Total()},
	}
	charges := []quota.Charge{{Key: "tenant", Limits: limits}, {Key: "user", Limits: limits}, {Key: "account", Limits: limits}}
	log := &statementLog{}
	db := d.open(t, 2)
	counted := sql.OpenDB(connector{db.Driver(), d.dsn, log})
	t.Cleanup(func() { _ = counted.Close() })
	s := d.store(t, counted)
	var r quota.Reservation
	var rs []quota.Reservation
	reserve := func() (err error) { r, err = s.Reserve(t.Context(), "a", limits, one, time.Minute); return err }
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"Reserve of a new key", reserve, "BEGIN SELECT INSERT SELECT UPDATE COMMIT"},
		{"Reserve", reserve, "BEGIN SELECT UPDATE COMMIT"},
		{"Settle", func() error { return s.Settle(t.Context(), r, one) }, "BEGIN SELECT UPDATE COMMIT"},
		{"Settle again", func() error { return s.Settle(t.Context(), r, one) }, "BEGIN SELECT ROLLBACK"},
		{"Reserve without room", func() error {
			_, err := s.Reserve(t.Context(), "a", limits, quota.Amount{Requests: 1000}, time.Minute)
			assert.ErrorIs(t, err, quota.ErrExceeded)
			return nil
		}, "BEGIN SELECT ROLLBACK"},
		{"ReserveAll of new keys", func() (err error) { rs, err = quota.ReserveAll(t.Context(), s, charges, one, time.Minute); return err },
			"BEGIN SELECT INSERT SELECT SELECT INSERT SELECT SELECT INSERT SELECT UPDATE UPDATE UPDATE COMMIT"},
		{"SettleAll", func() error { return quota.SettleAll(t.Context(), s, rs, one) }, "BEGIN SELECT SELECT SELECT UPDATE UPDATE UPDATE COMMIT"},
		{"Levels", func() error { _, err := s.Levels(t.Context(), "a", limits); return err }, "SELECT"},
	}
	for _, step := range steps {
		log.take()
		require.NoError(t, step.do(), step.name)
		assert.Equal(t, step.want, log.take(), step.name)
	}
}

// statementLog is the first words of the statements, one for what begins a transaction.
type statementLog struct {
	mu    sync.Mutex
	words []string
}

func (l *statementLog) note(statement string) {
	word, _, _ := strings.Cut(statement, " ")
	switch word {
	case "SET":
		return // how the next begins
	case "START":
		word = "BEGIN"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.words = append(l.words, word)
}

func (l *statementLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	words := strings.Join(l.words, " ")
	l.words = nil
	return words
}

// connector opens connections that note what they are told.
type connector struct {
	driver driver.Driver
	dsn    string
	log    *statementLog
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	return notedConn{conn, c.log}, err
}

// notedConn has as much of a connection as the drivers here have.
type notedConn struct {
	driver.Conn
	log *statementLog
}

func (c notedConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	c.log.note(statement)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, statement, args)
}

func (c notedConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	c.log.note(statement)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, statement, args)
}

func (c notedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (l *statementLog) peek() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.words, " ")
}
