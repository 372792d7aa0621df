package sqlstores_test

import (
	"database/sql"
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
	damage := "UPDATE " + config.Prefix + "states SET state = "
	if config.Prefix == "" {
		damage = "UPDATE aitransport_health_states SET state = "
	}
	literal := map[string]string{"SQLite": "x'ff'", "PostgreSQL": `'\xff'::bytea`, "MariaDB": "x'ff'"}[d.name]
	name := map[string]string{"SQLite": "CAST(subject AS TEXT)", "PostgreSQL": "convert_from(subject, 'UTF8')", "MariaDB": "CONVERT(subject USING utf8mb4)"}[d.name]
	result, err := db.ExecContext(t.Context(), damage+literal+" WHERE "+name+` = 'account "first"'`)
	require.NoError(t, err)
	n, err := result.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for range 2 {
		states, err := store.Load(t.Context(), []health.Subject{first, second, first})
		require.NoError(t, err)
		assert.Equal(t, []health.State{{}, {Failures: 1}, {}}, states)
	}
	assert.Equal(t, []health.Subject{first}, told)
	_, err = store.Update(t.Context(), first, failOnce)
	require.ErrorIs(t, err, sqlhealth.ErrUnreadable)
	assert.ErrorIs(t, err, health.ErrSubject)
}

func purgeHealth(t *testing.T, d database) {
	store, _, _ := d.health(t)
	_, err := store.Update(t.Context(), first, failOnce)
	require.NoError(t, err)
	_, err = store.Update(t.Context(), second, func(s health.State) health.State {
		s.Disabled = true
		return s
	})
	require.NoError(t, err)
	n, err := store.Purge(t.Context(), time.Hour, 10)
	require.NoError(t, err)
	assert.Zero(t, n)
	n, err = store.Purge(t.Context(), -time.Hour, 10) // all are older than an hour from now
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	states, err := store.Load(t.Context(), []health.Subject{first, second})
	require.NoError(t, err)
	assert.Equal(t, []health.State{{}, {Disabled: true}}, states, "what is disabled stays so")
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
