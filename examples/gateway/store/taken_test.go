package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A statement that fails at one of its rows has written those before it: the batch is undone
// all the same, and nothing of it counts twice or is in the log by halves.
func TestABatchIsWholeOrNotThereWhenARowIsRefused(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	db.Record(request(0))
	require.NoError(t, db.Flush(t.Context()))
	change(t, db.SQL(), "CREATE UNIQUE INDEX taken ON request_logs (id)")
	for i := range 100 {
		r := request(1 + i)
		if i == 90 {
			r.ID = request(0).ID
		}
		db.Record(r)
	}
	require.NoError(t, db.Flush(t.Context()))
	report := agree(t, db)
	assert.EqualValues(t, 101, report.Requests)
	assert.Equal(t, 1, query[int](t, db, "SELECT COUNT(*) FROM request_logs"))
	assert.EqualValues(t, 100, db.Dropped())
	days, err := db.KeyUsage(t.Context(), noon())
	require.NoError(t, err)
	assert.Equal(t, []resource.KeyUsage{{KeyID: "key_1", Start: noon(), Requests: 101, InputTokens: 1010, OutputTokens: 505, Cost: 101_000, Charged: 151_500}}, days)
}
