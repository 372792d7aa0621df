package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// refused is the record of a request that no account was asked for.
func refused(i int) resource.Request {
	r := request(i)
	r.Model, r.Account, r.Status, r.Code = fmt.Sprintf("made-up-%d", i), "", 402, "quota_exceeded"
	r.InputTokens, r.CachedInputTokens, r.OutputTokens, r.Cost, r.Charged, r.Trail = 0, 0, 0, 0, 0, nil
	return r
}

// madeUpNames has a client ask for models that it makes up, and be refused: the log names
// them, and the daily sums have them in one row, wherever the records went meanwhile.
func madeUpNames(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	c.Retention = 10 * 24 * time.Hour
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	for i := range 20 {
		db.Record(refused(i))
	}
	for i := range 5 { // these are to be purged
		r := refused(20 + i)
		r.Start = r.Start.Add(-20 * 24 * time.Hour)
		db.Record(r)
	}
	asked := refused(25) // an account was asked: it is the account's model
	asked.Account = "main"
	db.Record(asked)
	unnamed := refused(26)
	unnamed.Model = ""
	db.Record(unnamed)
	require.NoError(t, db.Flush(t.Context()))
	agree(t, db)
	db.OnCommit(func(*sql.Tx) error { return errors.New("the database is away") })
	db.Record(refused(27)) // it goes by a spool file
	shut(t, db)

	db = open(t, c)
	_, err = db.Purge(t.Context(), time.Now())
	require.NoError(t, err)
	report := agree(t, db)
	assert.EqualValues(t, 5, report.Purged)
	days, err := db.DailyUsage(t.Context(), resource.UsageFilter{From: noon().Format(time.DateOnly)})
	require.NoError(t, err)
	got := map[string]int64{}
	for _, d := range days {
		got[d.Model] = d.Requests
	}
	assert.Equal(t, map[string]int64{"(other)": 21, "": 1, "made-up-25": 1}, got)
	rows, _, err := db.Requests(t.Context(), resource.RequestFilter{Model: "made-up-7"})
	require.NoError(t, err)
	assert.Len(t, rows, 1, "the log keeps the name")
	for _, r := range rows {
		assert.Empty(t, r.Account)
		assert.Nil(t, r.Attempts)
	}
}

// Rows that were written before refused requests were booked apart agree with their sums
// still, also when they are purged.
func TestRowsOfBeforeAgreeWithTheirSums(t *testing.T) {
	c := config(t, t.TempDir()+"/g.db")
	db := open(t, c)
	day, ms := noon().Format(time.DateOnly), noon().UnixMilli()
	change(t, db.SQL(), fmt.Sprintf(`INSERT INTO request_logs VALUES (%d,'req_old',1,'%s','u1','key_1','','openai','','','made-up',FALSE,402,'quota_exceeded','',0,0,0,0,0,TRUE,'','','',0,0)`, ms, day))
	change(t, db.SQL(), fmt.Sprintf(`INSERT INTO daily_usages VALUES ('%s','u1','key_1','made-up',1,0,0,0,0)`, day))
	change(t, db.SQL(), fmt.Sprintf(`INSERT INTO key_usages VALUES ('key_1',%d,1,0,0,0,0)`, ms))
	agree(t, db)
	_, err := db.Purge(t.Context(), time.Now().Add(60*24*time.Hour))
	require.NoError(t, err)
	assert.EqualValues(t, 1, agree(t, db).Purged)
}
