package sqlstores_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

func TestAServerThatStopsAndComesBack(t *testing.T) {
	t.Parallel()
	for _, sort := range databases[1:] { // SQLite has none
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			d := sort.start(t)
			s := d.store(t, d.open(t, 16))
			reserve := func() (quota.Reservation, error) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				return s.Reserve(ctx, "a", inAll, one, time.Hour)
			}
			done := make(chan error)
			for range 16 { // as many connections
				go func() {
					_, err := reserve()
					done <- err
				}()
			}
			for range 16 {
				require.NoError(t, <-done)
			}
			d.server.Stop()
			begin := time.Now()
			_, err := reserve()
			require.Error(t, err)
			assert.NotErrorIs(t, err, quota.ErrExceeded)
			assert.ErrorContains(t, err, `sqlquota: reserving for ["a"]: `)
			assert.Less(t, time.Since(begin), 5*time.Second+time.Second/2)
			d.server.Start()
			for range 16 {
				r, err := reserve()
				require.NoError(t, err, "the first call after it came back, or one that was given an old connection")
				require.NoError(t, s.Settle(t.Context(), r, quota.Amount{}))
			}
			levels, err := s.Levels(t.Context(), "a", inAll)
			require.NoError(t, err)
			assert.EqualValues(t, 16, levels[0].Used)
		})
	}
}

// hold locks the row of a key, as another program does, until release.
func (d database) hold(t *testing.T, db *sql.DB, keys ...string) (tx *sql.Tx) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	for _, key := range keys {
		require.NoError(t, d.lock(t, tx, key))
	}
	return tx
}

func (d database) lock(t *testing.T, tx *sql.Tx, key string) error {
	mark := map[string]string{"PostgreSQL": "$1", "MariaDB": "?"}[d.name]
	id := sha256.Sum256([]byte(key))
	_, err := tx.ExecContext(t.Context(), "UPDATE "+d.table("keys")+" SET idle_at = idle_at - 1 WHERE id = "+mark, id[:])
	return err
}

func heldKey(t *testing.T, d database) {
	if d.server == nil {
		t.Skip("SQLite has no rows to hold")
	}
	db := d.open(t, 4)
	s := d.store(t, db)
	_, err := s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.NoError(t, err)
	holder := d.hold(t, db, "a")

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = s.Reserve(ctx, "a", inAll, one, time.Hour)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.Reserve(t.Context(), "b", inAll, one, time.Hour)
	require.NoError(t, err, "another key waits for nobody")
	levels, err := s.Levels(t.Context(), "a", inAll)
	require.NoError(t, err, "nor does Levels")
	assert.EqualValues(t, 1, levels[0].Used)

	time.AfterFunc(1500*time.Millisecond, func() { _ = holder.Rollback() }) // which leaves the row as it was read
	begin := time.Now()
	r, err := s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.NoError(t, err)
	require.Greater(t, time.Since(begin), time.Second, "it did not wait")
	assert.Greater(t, time.Until(r.Expires), time.Hour-time.Second, "it counts from when it was asked for, not from when the row was had")
	levels, err = s.Levels(t.Context(), "a", inAll)
	require.NoError(t, err)
	assert.EqualValues(t, 2, levels[0].Used, "the call whose caller went was carried out")
}

// deadlock has a stranger lock two keys in the other order.
func deadlock(t *testing.T, d database) {
	if d.server == nil {
		t.Skip("SQLite has no rows to lock")
	}
	log := &statementLog{}
	db := d.open(t, 4)
	patience := "" // who looks for a deadlock first is its victim: not the stranger
	if d.name == "PostgreSQL" {
		patience = "&deadlock_timeout=2s"
	}
	counted := sql.OpenDB(connector{db.Driver(), d.dsn + patience, log})
	t.Cleanup(func() { _ = counted.Close() })
	s := d.store(t, counted)
	keys := []string{"a", "b"}
	slices.SortFunc(keys, func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return bytes.Compare(x[:], y[:])
	})
	charges := []quota.Charge{{Key: keys[0], Limits: inAll}, {Key: keys[1], Limits: inAll}}
	heavy := []string{"c", "d", "e", "f", "g", "h"} // who has changed more is spared by MariaDB
	for _, key := range append(heavy, keys...) {
		require.NoError(t, s.Grant(t.Context(), key, inAll, quota.Amount{}))
	}
	stranger := d.hold(t, db, append(heavy, keys[1])...)
	if d.name == "PostgreSQL" {
		_, err := stranger.ExecContext(t.Context(), "SET LOCAL deadlock_timeout = '60s'")
		require.NoError(t, err)
	}
	log.take()
	done := make(chan error)
	go func() {
		_, err := s.ReserveAll(t.Context(), charges, one, time.Hour)
		done <- err
	}()
	require.Eventually(t, func() bool { return strings.Count(log.peek(), "SELECT") == 2 }, 10*time.Second, time.Millisecond)
	<-time.After(100 * time.Millisecond) // until the second row is waited for in earnest
	require.NoError(t, d.lock(t, stranger, keys[0]))
	require.NoError(t, stranger.Commit())
	require.NoError(t, <-done)
	assert.Greater(t, strings.Count(log.take(), "BEGIN"), 1, "there was no deadlock")
	for _, c := range charges {
		levels, err := s.Levels(t.Context(), c.Key, inAll)
		require.NoError(t, err)
		assert.EqualValues(t, 1, levels[0].Used)
	}
}

// sessionSettings has sessions with a zone and an isolation of their own.
func sessionSettings(t *testing.T, d database) {
	settings := map[string]string{
		"PostgreSQL": "&timezone=Asia/Kathmandu&default_transaction_isolation=serializable",
		"MariaDB":    "&time_zone=%27%2B05%3A45%27&tx_isolation=%27SERIALIZABLE%27",
	}
	if d.server == nil {
		t.Skip("SQLite's sessions have neither")
	}
	d.dsn = strings.Replace(d.dsn, "interpolateParams=true", "interpolateParams=false", 1) + settings[d.name] // statements are prepared
	s := d.store(t, d.open(t, 8))
	done := make(chan error)
	for range 8 {
		go func() {
			r, err := s.Reserve(t.Context(), "a", inAll, one, time.Hour)
			if err == nil {
				assert.InDelta(t, time.Hour, time.Until(r.Expires), float64(5*time.Second))
			}
			done <- err
		}()
	}
	for range 8 {
		assert.NoError(t, <-done)
	}
	levels, err := s.Levels(t.Context(), "a", inAll)
	require.NoError(t, err)
	assert.EqualValues(t, 8, levels[0].Used)
}
