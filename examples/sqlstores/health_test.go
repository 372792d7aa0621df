package sqlstores_test

import (
	"cmp"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
	"github.com/aitransport/aitransport/health/sqlhealth"
)

// health is the health store in tables that nobody else uses, with the connections that it has.
func (d database) health(t *testing.T, change ...func(*sqlhealth.Config)) (*sqlhealth.Store, *sql.DB, sqlhealth.Config) {
	t.Helper()
	d = d.apart(t)
	config := sqlhealth.Config{Prefix: d.config.Prefix, Retryable: d.config.Retryable}
	config.Dialect = map[string]sqlhealth.Dialect{"SQLite": sqlhealth.SQLite, "PostgreSQL": sqlhealth.PostgreSQL, "MariaDB": sqlhealth.MySQL}[d.name]
	if d.server == nil {
		d.dsn += "&_pragma=busy_timeout(10000)"
	}
	for _, f := range change {
		f(&config)
	}
	db := d.open(t, 4)
	require.NoError(t, sqlhealth.Migrate(t.Context(), db, config))
	store, err := sqlhealth.New(db, config)
	require.NoError(t, err)
	return store, db, config
}

func TestSQLHealth(t *testing.T) {
	t.Parallel()
	for _, sort := range databases {
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			d := sort.start(t)
			healthtest.Run(t, func(t *testing.T) health.Store {
				store, _, _ := d.health(t)
				return store
			})
			t.Run("what cannot be read", func(t *testing.T) { unreadableHealth(t, d) })
			t.Run("purge", func(t *testing.T) { purgeHealth(t, d) })
			t.Run("many programs", func(t *testing.T) { manyPrograms(t, d) })
		})
	}
}

var (
	first  = health.Subject{Kind: health.KindAccount, Name: "first"}
	second = health.Subject{Kind: health.KindAccountModel, Name: "second", Model: "gpt-5"}
)

func failOnce(s health.State) health.State {
	s.Failures++
	return s
}

// One state that cannot be read disturbs no other, is told of once, and is not written over.
func unreadableHealth(t *testing.T, d database) {
	var told []health.Subject
	store, db, config := d.health(t, func(c *sqlhealth.Config) {
		c.Unreadable = func(s health.Subject, err error) {
			assert.Error(t, err)
			told = append(told, s)
		}
	})
	for _, s := range []health.Subject{first, second} {
		_, err := store.Update(t.Context(), s, failOnce)
		require.NoError(t, err)
	}
	table := cmp.Or(config.Prefix, "aitransport_health_") + "states"
	write := func(literal string) {
		if d.name == "PostgreSQL" {
			literal = strings.Replace(literal, "x'", `'\x`, 1) + "::bytea"
		}
		result, err := db.ExecContext(t.Context(), "UPDATE "+table+" SET state = "+literal+` WHERE subject = 'account "first"'`)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	write("x'ff'") // a version that is not there yet
	for range 2 {
		states, err := store.Load(t.Context(), []health.Subject{first, second, first})
		require.NoError(t, err)
		assert.Equal(t, []health.State{{}, {Failures: 1}, {}}, states)
	}
	assert.Equal(t, []health.Subject{first}, told)
	_, err := store.Update(t.Context(), first, failOnce)
	require.ErrorIs(t, err, sqlhealth.ErrUnreadable)
	assert.ErrorIs(t, err, health.ErrSubject)
	write("x'00'") // damage
	got, err := store.Update(t.Context(), first, failOnce)
	require.NoError(t, err)
	assert.Equal(t, health.State{Failures: 1}, got, "what is damaged is replaced")
	assert.Equal(t, []health.Subject{first}, told)
}

func purgeHealth(t *testing.T, d database) {
	store, _, _ := d.health(t, func(c *sqlhealth.Config) { c.Keep = time.Millisecond })
	_, err := store.Update(t.Context(), first, failOnce)
	require.NoError(t, err)
	resting := health.Subject{Kind: health.KindProxy, Name: "resting"}
	_, err = store.Update(t.Context(), resting, func(s health.State) health.State {
		s.Rests, s.RestUntil = 1, time.Now().Add(time.Hour).UTC()
		return s
	})
	require.NoError(t, err)
	_, err = store.Update(t.Context(), second, func(s health.State) health.State {
		s.Disabled = true
		return s
	})
	require.NoError(t, err)
	n, err := store.Purge(t.Context(), 0)
	require.NoError(t, err)
	assert.Zero(t, n)
	require.Eventually(t, func() bool {
		n, err = store.Purge(t.Context(), 10)
		return err != nil || n > 0
	}, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	states, err := store.Load(t.Context(), []health.Subject{first, second, resting})
	require.NoError(t, err)
	assert.Equal(t, health.State{}, states[0])
	assert.True(t, states[1].Disabled, "what is disabled stays so")
	assert.Equal(t, 1, states[2].Rests, "and what rests")
}

// Of the updates by several stores, as programs have them, none is lost.
func manyPrograms(t *testing.T, d database) {
	_, db, config := d.health(t)
	const programs, updates = 4, 25
	done := make(chan error)
	for range programs {
		store, err := sqlhealth.New(db, config)
		require.NoError(t, err)
		require.NoError(t, sqlhealth.Migrate(t.Context(), db, config), "which may be done again")
		go func() {
			for range updates {
				if _, err := store.Update(t.Context(), first, failOnce); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range programs {
		require.NoError(t, <-done)
	}
	store, err := sqlhealth.New(db, config)
	require.NoError(t, err)
	states, err := store.Load(t.Context(), []health.Subject{first})
	require.NoError(t, err)
	assert.Equal(t, programs*updates, states[0].Failures)
}
