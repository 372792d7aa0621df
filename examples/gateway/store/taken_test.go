package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A statement that fails at one of its rows has written those before it: the batch is undone
// all the same, and nothing of it counts twice. The rows that are at fault cost the log no others.
func TestOnlyTheRowsThatAreRefusedAreDropped(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	db.Record(request(0))
	require.NoError(t, db.Flush(t.Context()))
	change(t, db.SQL(), "CREATE UNIQUE INDEX taken ON request_logs (id)")
	for i := range 100 {
		r := request(1 + i)
		if i == 30 || i == 90 {
			r.ID = request(0).ID
		}
		db.Record(r)
	}
	require.NoError(t, db.Flush(t.Context()))
	report := agree(t, db)
	assert.EqualValues(t, 101, report.Requests)
	assert.Equal(t, 99, query[int](t, db, "SELECT COUNT(*) FROM request_logs"))
	assert.EqualValues(t, 2, db.Dropped())
	days, err := db.KeyUsage(t.Context(), noon())
	require.NoError(t, err)
	assert.Equal(t, []resource.KeyUsage{{KeyID: "key_1", Start: noon(), Requests: 101, InputTokens: 1010, OutputTokens: 505, Cost: 101_000, Charged: 151_500}}, days)
}

// A database that takes no row is found out soon, and the sums are kept.
func TestALogThatTakesNothingIsNotAskedForEachRow(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	var log strings.Builder
	c.Logger = logger(&log)
	db := open(t, c)
	change(t, db.SQL(), "CREATE TRIGGER refuse BEFORE INSERT ON request_logs BEGIN SELECT RAISE(ABORT, 'no'); END")
	for i := range 1000 {
		db.Record(request(i))
	}
	require.NoError(t, db.Flush(t.Context()))
	assert.EqualValues(t, 1000, db.Dropped())
	assert.EqualValues(t, 1000, agree(t, db).Requests)
	shut(t, db)
	assert.Less(t, strings.Count(log.String(), "the database refuses rows"), 50)
}
