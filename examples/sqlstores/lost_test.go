package sqlstores_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

var errLost = errors.New("the answer is lost")

// losing opens connections that carry out a COMMIT and lose the answer, while loses is set.
type losing struct {
	driver driver.Driver
	dsn    string
	loses  *atomic.Bool
}

func (c losing) Driver() driver.Driver { return c.driver }

func (c losing) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	return losingConn{notedConn{conn, &statementLog{}}, c.loses}, err
}

type losingConn struct {
	notedConn
	loses *atomic.Bool
}

func (c losingConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.notedConn.ExecContext(ctx, statement, args)
	if err == nil && statement == "COMMIT" && c.loses.Load() {
		return nil, errLost
	}
	return result, err
}

// lostCommits has the next call for a key cancel what a caller heard nothing of.
func lostCommits(t *testing.T, d database) {
	db := d.open(t, 2)
	loses := new(atomic.Bool)
	lossy := sql.OpenDB(losing{db.Driver(), d.dsn, loses})
	t.Cleanup(func() { _ = lossy.Close() })
	s, other := d.store(t, lossy), d.store(t, db)
	limits := []quota.Limit{{Unit: quota.InFlight, Max: 100}, {Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Hour)}}
	charges := []quota.Charge{{Key: "a", Limits: limits}, {Key: "b", Limits: limits}}
	used := func(key string, want int64) {
		t.Helper()
		levels, err := other.Levels(t.Context(), key, limits)
		require.NoError(t, err)
		assert.Equal(t, []int64{want, want}, []int64{levels[0].Used, levels[1].Used}, key)
	}
	for range 3 {
		loses.Store(true)
		_, err := s.ReserveAll(t.Context(), charges, one, time.Hour)
		require.ErrorIs(t, err, errLost)
		loses.Store(false)
		used("a", 1)
		used("b", 1)
	}
	r, err := s.Reserve(t.Context(), "a", limits, one, time.Hour)
	require.NoError(t, err)
	used("a", 1)
	require.NoError(t, s.Settle(t.Context(), r, quota.Amount{}))
	used("a", 0)
	_, err = s.Reserve(t.Context(), "b", limits, quota.Amount{Requests: 101}, time.Hour)
	require.ErrorIs(t, err, quota.ErrExceeded)
	used("b", 0)
}
