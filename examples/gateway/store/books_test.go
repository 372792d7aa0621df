package store_test

import (
	"context"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func differences(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	_, err := db.CreateAccount(t.Context(), resource.Account{Name: "main"})
	require.NoError(t, err)
	key, err := db.CreateKey(t.Context(), resource.Key{Hash: "h"})
	require.NoError(t, err)
	for i := range 10 {
		r := request(i)
		r.KeyID = key.ID
		db.Record(r)
	}
	agree(t, db)
	day := noon().Format(time.DateOnly)
	for _, c := range []struct {
		change string
		undo   string
		want   []store.Difference
	}{
		{
			"UPDATE daily_usages SET cost = cost - 30, requests = requests + 1", "UPDATE daily_usages SET cost = cost + 30, requests = requests - 1",
			[]store.Difference{
				{Of: `date="` + day + `" user_id="u1" key_id="` + key.ID + `" model="gpt-5"`, Measure: "requests", Left: "the request log", InLeft: 10, Right: "daily_usages", InRight: 11},
				{Of: `date="` + day + `" user_id="u1" key_id="` + key.ID + `" model="gpt-5"`, Measure: "cost", Left: "the request log", InLeft: 10_000, Right: "daily_usages", InRight: 9970},
				{Of: `key_id="` + key.ID + `"`, Measure: "requests", Left: "daily_usages", InLeft: 11, Right: "key_usages", InRight: 10},
				{Of: `key_id="` + key.ID + `"`, Measure: "cost", Left: "daily_usages", InLeft: 9970, Right: "key_usages", InRight: 10_000},
			},
		},
		{
			"UPDATE accounts SET total_cost = total_cost + 5", "UPDATE accounts SET total_cost = total_cost - 5",
			[]store.Difference{{Of: `account="main"`, Measure: "cost", Left: "account_usages", InLeft: 10_000, Right: "accounts.total_cost", InRight: 10_005}},
		},
		{
			"UPDATE api_keys SET total_cost = 0", "UPDATE api_keys SET total_cost = 15000",
			[]store.Difference{{Of: `key_id="` + key.ID + `"`, Measure: "charged", Left: "daily_usages", InLeft: 15_000, Right: "api_keys.total_cost", InRight: 0}},
		},
		{
			"UPDATE account_usages SET attempts = attempts + 1", "UPDATE account_usages SET attempts = attempts - 1",
			[]store.Difference{{Of: `date="` + day + `" account="main"`, Measure: "attempts", Left: "the request log", InLeft: 10, Right: "account_usages", InRight: 11}},
		},
		{
			"INSERT INTO daily_usages SELECT '2001-02-03', user_id, '', model, 0, 0, 0, 0, 1 FROM daily_usages", "DELETE FROM daily_usages WHERE date = '2001-02-03'",
			[]store.Difference{{Of: `date="2001-02-03" user_id="u1" key_id="" model="gpt-5"`, Measure: "charged", Left: "the request log", InLeft: 0, Right: "daily_usages", InRight: 1}},
		},
	} {
		t.Run(c.change, func(t *testing.T) {
			change(t, db.SQL(), c.change)
			report, err := db.Reconcile(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.want, report.Differences)
			change(t, db.SQL(), c.undo)
			agree(t, db)
		})
	}
}

// absurdAmounts are what a provider may claim. The books of the others go on.
func absurdAmounts(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	_, err := db.CreateAccount(t.Context(), resource.Account{Name: "main"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for i := range 3 { // in batches of their own, and in one
		for range 3 {
			r := request(i)
			r.InputTokens, r.OutputTokens, r.Cost, r.Charged = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64
			r.Attempts = []resource.Attempt{{Account: "main", Cost: math.MaxInt64}, {Account: "main", Cost: math.MaxInt64}}
			db.Record(r)
		}
		require.NoError(t, db.Flush(ctx))
	}
	r := request(9)
	r.Cost, r.Charged, r.InputTokens = -5, math.MinInt64, -1
	db.Record(r)
	require.NoError(t, db.Flush(ctx))
	report := agree(t, db)
	assert.EqualValues(t, 10, report.Requests)
	assert.Positive(t, report.Cost)
	assert.Positive(t, report.Charged)
	days, err := db.DailyUsage(t.Context(), resource.UsageFilter{})
	require.NoError(t, err)
	require.Len(t, days, 1)
	assert.Positive(t, days[0].InputTokens)
}

func TestAReportIsForPeople(t *testing.T) {
	t.Parallel()
	r := store.Report{Requests: 3, Rows: 2, Dropped: 1, Cost: 1_500_000_001, Charged: -1}
	assert.Equal(t, "3 requests (2 in the log, 1 dropped, 0 purged) that cost $1.500000001, charged -$0.000000001: all sums agree", r.String())
	r.Differences = []store.Difference{{Of: `account="a"`, Measure: "cost", Left: "x", InLeft: 1_000_000_000, Right: "y", InRight: 1_250_000_000}}
	assert.Contains(t, r.String(), "1 sums do not agree\naccount=\"a\": cost: $1.000000000 in x, $1.250000000 in y: a difference of -$0.250000000")
}

func retention(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	c.Retention = 24 * time.Hour
	db := open(t, c)
	_, err := db.CreateAccount(t.Context(), resource.Account{Name: "main"})
	require.NoError(t, err)
	for i := range 2 { // by then the writer has looked for old rows, and found none
		db.Record(request(i))
		agree(t, db)
	}
	const old, young = 2*store.PurgeRows + 10, 50
	for i := range old + young {
		r := request(i)
		if i < old {
			r.Start = time.Now().Add(-100*24*time.Hour + time.Duration(i/3)*time.Minute) // some days of two months at most
		}
		if i%3 == 0 {
			r.Attempts = []resource.Attempt{{Account: "main", Cost: 1}, {Account: "spare", Cost: 999}}
		}
		db.Record(r)
	}
	assert.EqualValues(t, old+young+2, agree(t, db).Rows)
	before, err := db.KeyUsage(t.Context(), time.Time{})
	require.NoError(t, err)
	steps, err := db.Purge(t.Context(), time.Now())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, steps, 3, "a bounded step at a time")
	report := agree(t, db)
	assert.EqualValues(t, young+2, report.Rows)
	assert.EqualValues(t, old, report.Purged)
	assert.EqualValues(t, (old+young+2)*1000, report.Cost)

	after, err := db.KeyUsage(t.Context(), time.Time{})
	require.NoError(t, err)
	of := map[string][]resource.KeyUsage{}
	for _, u := range after {
		of[u.KeyID] = append(of[u.KeyID], u)
	}
	for id, want := range of {
		one, err := db.UsageOfKey(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, one)
	}
	assert.Less(t, len(after), len(before)/5)
	sum := func(all []resource.KeyUsage) (requests, cost int64) {
		for _, u := range all {
			requests, cost = requests+u.Requests, cost+u.Cost
		}
		return requests, cost
	}
	r1, c1 := sum(before)
	r2, c2 := sum(after)
	assert.Equal(t, []int64{r1, c1}, []int64{r2, c2})
	for _, u := range after {
		if time.Since(u.Start) > 80*24*time.Hour {
			assert.Equal(t, 1, u.Start.Day())
		}
	}
	_, err = db.Purge(t.Context(), time.Now())
	require.NoError(t, err)
	agree(t, db)
}

func accountsComeAndGo(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	ctx := t.Context()
	spend := func(name string, cost int64) {
		r := request(1)
		r.Account, r.Cost = name, cost
		db.Record(r)
		require.NoError(t, db.Flush(ctx))
	}
	total := func(id string) int64 {
		a, err := db.Account(ctx, id)
		require.NoError(t, err)
		agree(t, db)
		return a.TotalCost
	}
	spend("a", 100) // of the configuration, then
	first, err := db.CreateAccount(ctx, resource.Account{Name: "a"})
	require.NoError(t, err)
	assert.Zero(t, total(first.ID), "since it was made")
	spend("a", 20)
	assert.EqualValues(t, 20, total(first.ID))
	first.Name = "b"
	_, err = db.UpdateAccount(ctx, first)
	require.NoError(t, err)
	spend("b", 3)
	spend("a", 1000) // which nobody is now
	assert.EqualValues(t, 23, total(first.ID))
	require.NoError(t, db.DeleteAccount(ctx, first.ID))
	spend("b", 4)
	again, err := db.CreateAccount(ctx, resource.Account{Name: "b"})
	require.NoError(t, err)
	assert.Zero(t, total(again.ID))
	spend("b", 5)
	assert.EqualValues(t, 5, total(again.ID))
}

func TestAReportIsBounded(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	change(t, db.SQL(), `INSERT INTO daily_usages WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
		SELECT '2001-02-03', '', '', 'm' || i, 1, 0, 0, 0, 0 FROM n`)
	report, err := db.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Differences, 1000)
	assert.True(t, report.Truncated)
	assert.Contains(t, report.String(), "1000 and more sums do not agree")
}
