package sqlstores_test

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

var (
	inAll = []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Total()}}
	one   = quota.Amount{Requests: 1}
)

func migrateAtOnce(t *testing.T, d database) {
	for range 5 {
		d := d.apart(t)
		var wg sync.WaitGroup
		for i := range 8 {
			db := d.open(t, 2) // a program's
			wg.Go(func() {
				if !assert.NoError(t, sqlquota.Migrate(t.Context(), db, d.config)) {
					return
				}
				s, err := sqlquota.New(t.Context(), db, d.config)
				if assert.NoError(t, err) {
					_, err = s.Reserve(t.Context(), fmt.Sprint(i%2), inAll, one, time.Minute)
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		s := d.store(t, d.open(t, 2))
		levels, err := s.Levels(t.Context(), "0", inAll)
		require.NoError(t, err)
		assert.EqualValues(t, 4, levels[0].Used, "migrating again lost what was there")
	}
}

func otherVersions(t *testing.T, d database) {
	db := d.open(t, 2)
	_, err := sqlquota.New(t.Context(), db, d.config)
	assert.ErrorContains(t, err, "which Migrate makes", "without tables")
	d.store(t, db)
	exec(t, db, "UPDATE "+d.table("schema")+" SET version = 99")
	_, err = sqlquota.New(t.Context(), db, d.config)
	assert.ErrorContains(t, err, "are of version 99, and this program knows 1")
	assert.ErrorContains(t, sqlquota.Migrate(t.Context(), db, d.config), "update the program")
	exec(t, db, "UPDATE "+d.table("schema")+" SET version = 0")
	_, err = sqlquota.New(t.Context(), db, d.config)
	assert.ErrorContains(t, err, "call Migrate")
	d.store(t, db) // a step that was done and not noted is done again
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}
