package sqlquota_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	limits = []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Total()}}
	one    = quota.Amount{Requests: 1}
)

const beginPostgreSQL = "BEGIN ISOLATION LEVEL READ COMMITTED"

func store(t *testing.T, f *fake, c sqlquota.Config) *sqlquota.Store {
	t.Helper()
	s, err := sqlquota.New(t.Context(), f.open(t), c)
	require.NoError(t, err)
	return s
}

func TestConfigThatMakesNoSense(t *testing.T) {
	f := &fake{fail: func(string) error { return nil }}
	for want, c := range map[string]sqlquota.Config{
		"Config.Dialect: write sqlquota.SQLite, PostgreSQL or MySQL": {},
		`Config.Prefix "1a": write letters`:                          {Dialect: sqlquota.SQLite, Prefix: "1a"},
		`Config.Prefix "a;--": write letters`:                        {Dialect: sqlquota.SQLite, Prefix: "a;--"},
		`Config.Prefix "a.b": write letters`:                         {Dialect: sqlquota.MySQL, Prefix: "a.b"},
		`Config.Prefix "ä": write letters`:                           {Dialect: sqlquota.MySQL, Prefix: "ä"},
		`not a digit first, at most 40`:                              {Dialect: sqlquota.PostgreSQL, Prefix: strings.Repeat("a", 41)},
	} {
		_, err := sqlquota.New(t.Context(), f.open(t), c)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, sqlquota.Migrate(t.Context(), f.open(t), c), want)
	}
	_, err := sqlquota.New(t.Context(), nil, sqlquota.Config{Dialect: sqlquota.SQLite})
	assert.ErrorContains(t, err, "no *sql.DB")
	assert.Empty(t, f.statements)
	assert.Equal(t, "SQLite PostgreSQL MySQL dialect(9)", fmt.Sprint(sqlquota.SQLite, " ", sqlquota.PostgreSQL, " ", sqlquota.MySQL, " ", sqlquota.Dialect(9)))
}

const oneChange = "TZif\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // no version
	"\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + // nothing of what is seldom there,
	"\x00\x00\x00\x01" + "\x00\x00\x00\x02" + "\x00\x00\x00\x08" + // but a change, two offsets, and 8 bytes of names
	"\x00\x10\x00\x00" + "\x01" + "\x00\x00\x00\x00\x00\x00" + "\x00\x00\x0e\x10\x00\x04" + "UTC\x00CET\x00"

func TestWindowsOfOneMachineAreRefused(t *testing.T) {
	s := store(t, &fake{fail: func(string) error { return nil }}, sqlquota.Config{Dialect: sqlquota.PostgreSQL})
	own, err := time.LoadLocationFromTZData("Local", []byte(oneChange))
	require.NoError(t, err)
	mine := []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Daily(0, own)}}
	_, err = s.Reserve(t.Context(), "a", mine, one, time.Minute)
	assert.ErrorIs(t, err, quota.ErrInvalid)
	_, err = s.ReserveAll(t.Context(), []quota.Charge{{Key: "a"}, {Key: "b", Limits: mine}}, one, time.Minute)
	assert.ErrorIs(t, err, quota.ErrInvalid)
	_, err = s.Levels(t.Context(), "a", mine)
	assert.ErrorIs(t, err, quota.ErrInvalid)
	assert.ErrorIs(t, s.Grant(t.Context(), "a", mine, one), quota.ErrInvalid)
}

// undone is an error as pgx has it, and as modernc.org/sqlite has it.
type (
	undone string
	busy   int
)

func (e undone) Error() string    { return "undone" }
func (e undone) SQLState() string { return string(e) }
func (e busy) Error() string      { return "busy" }
func (e busy) Code() int          { return int(e) }

var errPlain = errors.New("plain")

func TestWhichErrorsAreTriedAgain(t *testing.T) {
	cases := []struct {
		config sqlquota.Config
		begin  string
		err    error
		again  bool
	}{
		{sqlquota.Config{Dialect: sqlquota.PostgreSQL}, beginPostgreSQL, undone("40001"), true},
		{sqlquota.Config{Dialect: sqlquota.PostgreSQL}, beginPostgreSQL, fmt.Errorf("wrapped: %w", undone("40P01")), true},
		{sqlquota.Config{Dialect: sqlquota.PostgreSQL}, beginPostgreSQL, undone("53100"), false},
		{sqlquota.Config{Dialect: sqlquota.PostgreSQL}, beginPostgreSQL, busy(5), false},
		{sqlquota.Config{Dialect: sqlquota.PostgreSQL}, beginPostgreSQL, errPlain, false},
		{sqlquota.Config{Dialect: sqlquota.SQLite}, "BEGIN IMMEDIATE", busy(5), true},
		{sqlquota.Config{Dialect: sqlquota.SQLite}, "BEGIN IMMEDIATE", busy(517), true}, // BUSY_SNAPSHOT
		{sqlquota.Config{Dialect: sqlquota.SQLite}, "BEGIN IMMEDIATE", busy(13), false}, // FULL
		{sqlquota.Config{Dialect: sqlquota.MySQL}, "START TRANSACTION", errPlain, false},
		{sqlquota.Config{Dialect: sqlquota.MySQL, Retryable: func(err error) bool { return errors.Is(err, errPlain) }}, "START TRANSACTION", errPlain, true},
	}
	for _, c := range cases {
		for _, at := range []string{"SELECT", "UPDATE", "COMMIT"} {
			synctest.Test(t, func(t *testing.T) {
				fails := 3
				f := &fake{fail: func(statement string) error {
					if fails > 0 && strings.HasPrefix(statement, at) && !strings.HasPrefix(statement, "SELECT version") {
						fails--
						return c.err
					}
					return nil
				}}
				s := store(t, f, c.config)
				_, err := s.Reserve(t.Context(), "a", limits, one, time.Minute)
				if c.again {
					assert.NoError(t, err, "%v at %s", c.err, at)
					assert.Equal(t, 4, f.count(c.begin))
					return
				}
				assert.ErrorIs(t, err, c.err, "%v at %s", c.err, at)
				assert.Equal(t, 1, f.count(c.begin), "%v at %s", c.err, at)
				assert.Equal(t, 1, f.count("ROLLBACK"), "%v at %s", c.err, at)
			})
		}
	}
}

func TestTriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{fail: func(statement string) error {
			if statement == "COMMIT" {
				return undone("40001")
			}
			return nil
		}}
		s := store(t, f, sqlquota.Config{Dialect: sqlquota.PostgreSQL})
		begin := time.Now()
		_, err := s.Reserve(t.Context(), "a", limits, one, time.Minute)
		require.ErrorIs(t, err, undone("40001"))
		assert.EqualError(t, err, `sqlquota: reserving for ["a"]: committing: undone`)
		assert.Equal(t, 50, f.count("COMMIT"))
		assert.Less(t, time.Since(begin), 15*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin = time.Now()
		_, err = s.Reserve(ctx, "a", limits, one, time.Minute)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, undone("40001"), "the error says what it was waiting for")
		assert.Equal(t, 50*time.Millisecond, time.Since(begin))
	})
}

// TestAStaleConnectionIsDropped has the connections of a pool break while nobody uses them.
func TestAStaleConnectionIsDropped(t *testing.T) {
	stale := 5
	f := &fake{fail: func(statement string) error {
		if statement == beginPostgreSQL && stale > 0 {
			stale--
			return errPlain
		}
		return nil
	}}
	s := store(t, f, sqlquota.Config{Dialect: sqlquota.PostgreSQL})
	_, err := s.Reserve(t.Context(), "a", limits, one, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, 6, f.opened)
	assert.Equal(t, 1, f.count("COMMIT"))
}

func TestAConnectionThatCannotRollBackIsDropped(t *testing.T) {
	f := &fake{fail: func(statement string) error {
		if statement == "ROLLBACK" {
			return errPlain
		}
		return nil
	}}
	s := store(t, f, sqlquota.Config{Dialect: sqlquota.PostgreSQL})
	for range 3 {
		_, err := s.Reserve(t.Context(), "a", limits, quota.Amount{Requests: 101}, time.Minute)
		require.ErrorIs(t, err, quota.ErrExceeded, "nothing happened, whatever the connection says")
	}
	assert.Equal(t, 3, f.opened)
}
