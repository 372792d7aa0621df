package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

func records(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	ctx := t.Context()
	main, err := db.CreateAccount(ctx, resource.Account{Name: "main", Provider: "openai"})
	require.NoError(t, err)
	spare, err := db.CreateAccount(ctx, resource.Account{Name: "spare", Provider: "openai"})
	require.NoError(t, err)
	key, err := db.CreateKey(ctx, resource.Key{Hash: "h"})
	require.NoError(t, err)

	r := request(1)
	r.KeyID, r.Start = key.ID, time.Now().UTC().Truncate(time.Millisecond)
	r.Attempts = []resource.Attempt{{Account: "spare", Cost: 300}, {Account: "main", Cost: 700}}
	db.Record(r)
	refused := resource.Request{ID: "req_x", KeyID: key.ID, API: "gemini", Status: 429, Code: "rate_limit_exceeded", Start: r.Start.Add(time.Millisecond)}
	db.Record(refused)
	reset := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	db.AccountState("main", reset, 3)
	db.AccountState("nobody", reset, 3)
	require.NoError(t, db.Flush(ctx))

	got, next, err := db.Requests(ctx, resource.RequestFilter{})
	require.NoError(t, err)
	assert.Empty(t, next)
	r.Attempts = nil
	assert.Equal(t, []resource.Request{refused, r}, got)
	day := r.Start.Format(time.DateOnly)
	usage, err := db.DailyUsage(ctx, resource.UsageFilter{From: day, To: day})
	require.NoError(t, err)
	assert.Equal(t, []resource.DailyUsage{
		{Date: day, KeyID: key.ID, Requests: 1},
		{Date: day, UserID: "u1", KeyID: key.ID, Model: "gpt-5", Requests: 1, InputTokens: 10, OutputTokens: 5, Cost: 1000, Charged: 1500},
	}, usage)
	none, err := db.DailyUsage(ctx, resource.UsageFilter{From: "2199-01-01"})
	require.NoError(t, err)
	assert.Empty(t, none)

	main, err = db.Account(ctx, main.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 700, main.TotalCost)
	assert.EqualValues(t, 1, main.DailyRequests)
	assert.EqualValues(t, 3, main.ConsecutiveErrors)
	assert.Equal(t, reset, main.RateLimitResetAt)
	spare, err = db.Account(ctx, spare.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 300, spare.TotalCost)
	key, err = db.KeyByID(ctx, key.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 1500, key.TotalCost)
	used, err := db.KeyUsage(ctx, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	var sum resource.KeyUsage
	for _, u := range used {
		assert.Zero(t, u.Start.Unix()%900)
		sum.Requests, sum.Cost, sum.Charged = sum.Requests+u.Requests, sum.Cost+u.Cost, sum.Charged+u.Charged
	}
	assert.Equal(t, resource.KeyUsage{Requests: 2, Cost: 1000, Charged: 1500}, sum)
	did, err := db.AccountUsage(ctx, "spare", resource.UsageFilter{})
	require.NoError(t, err)
	assert.Equal(t, []resource.AccountUsage{{Date: day, Account: "spare", Attempts: 1, Cost: 300}}, did)

	late := request(2) // it began yesterday, and ended after others of today
	late.Start = r.Start.Add(-24 * time.Hour)
	db.Record(late)
	report := agree(t, db)
	assert.EqualValues(t, 3, report.Requests)
	assert.EqualValues(t, 2000, report.Cost)
	main, err = db.Account(ctx, main.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 1, main.DailyRequests, "yesterday's is not today's")
	assert.EqualValues(t, 1700, main.TotalCost)
}

func pages(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	const n = 240
	for i := range n {
		r := request(i)
		r.Start = noon().Add(time.Duration(i/3) * time.Second) // some at the same time
		r.ID = fmt.Sprintf("req_%d", i%7)                      // and some of the same id
		r.UserID, r.KeyID, r.Account = fmt.Sprintf("u%d", i%2), fmt.Sprintf("k%d", i%3), fmt.Sprintf("a%d", i%5)
		r.Status, r.Cost = 200+100*(i%4)+i%3, int64(i)
		r.Model = fmt.Sprintf("m%d", i%4)
		db.Record(r)
	}
	require.NoError(t, db.Flush(t.Context()))
	for name, c := range map[string]struct {
		filter resource.RequestFilter
		match  func(i int) bool
	}{
		"all":       {resource.RequestFilter{}, func(int) bool { return true }},
		"a user":    {resource.RequestFilter{UserID: "u1"}, func(i int) bool { return i%2 == 1 }},
		"a key":     {resource.RequestFilter{KeyID: "k2"}, func(i int) bool { return i%3 == 2 }},
		"both":      {resource.RequestFilter{UserID: "u1", KeyID: "k2", Account: "a1"}, func(i int) bool { return i%2 == 1 && i%3 == 2 && i%5 == 1 }},
		"a model":   {resource.RequestFilter{Model: "m3"}, func(i int) bool { return i%4 == 3 }},
		"a status":  {resource.RequestFilter{Status: 301}, func(i int) bool { return i%4 == 1 && i%3 == 1 }},
		"a class":   {resource.RequestFilter{Status: 5}, func(i int) bool { return i%4 == 3 }},
		"an id":     {resource.RequestFilter{ID: "req_3"}, func(i int) bool { return i%7 == 3 }},
		"a time":    {resource.RequestFilter{Since: noon().Add(10 * time.Second), Until: noon().Add(20 * time.Second)}, func(i int) bool { return i/3 >= 10 && i/3 < 20 }},
		"no such":   {resource.RequestFilter{UserID: "U1"}, func(int) bool { return false }},
		"many more": {resource.RequestFilter{Limit: 1_000_000}, func(int) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			seen, f := map[int64]bool{}, c.filter
			if f.Limit == 0 {
				f.Limit = 17
			}
			last := time.Now().Add(24 * time.Hour)
			for {
				page, next, err := db.Requests(t.Context(), f)
				require.NoError(t, err)
				for _, r := range page {
					assert.False(t, seen[r.Cost], "%d came twice", r.Cost)
					assert.False(t, r.Start.After(last), "the newest first")
					seen[r.Cost], last = true, r.Start
				}
				if f.Cursor = next; next == "" {
					break
				}
				assert.Len(t, page, f.Limit)
			}
			for i := range n {
				assert.Equal(t, c.match(i), seen[int64(i)], "%d", i)
			}
		})
	}
	_, _, err := db.Requests(t.Context(), resource.RequestFilter{Cursor: "'; DROP TABLE accounts"})
	require.ErrorIs(t, err, resource.ErrInvalid)
}

// manySorts has rows of a batch that are alike and rows that are not, and reads all of them.
func manySorts(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	c.Flush = time.Hour
	db := open(t, c)
	pick := func(i int, values ...string) string { return values[i%len(values)] }
	var want []resource.Request
	for i := range 400 {
		r := request(i)
		if i >= 200 { // half are alike
			r.API, r.Operation = pick(i, "openai", "anthropic", "gemini"), pick(i/3, "generate", "embed")
			r.Group, r.Code = pick(i/5, "", "default", "vip"), pick(i/7, "", "upstream_error")
			r.Stream, r.CostKnown, r.Status = i%2 == 0, i%11 != 0, 200+i%13
			r.Start = r.Start.Add(-time.Duration(i%3) * 24 * time.Hour)
		}
		r.ClientIP, r.UsedProxy = fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("socks5://proxy-%d", i)
		r.InputTokens, r.CachedInputTokens, r.OutputTokens, r.Cost, r.Charged = int64(i), int64(i+1), int64(i+2), int64(i+3), int64(i+4)
		r.FirstByte, r.Duration = time.Duration(i+5), time.Duration(i+6)
		db.Record(r)
		want = append(want, r)
	}
	assert.EqualValues(t, len(want), agree(t, db).Rows)
	got, _, err := db.Requests(t.Context(), resource.RequestFilter{Limit: resource.MaxPage})
	require.NoError(t, err)
	slices.SortFunc(want, func(x, y resource.Request) int { return y.Start.Compare(x.Start) })
	assert.Equal(t, want, got)
}

// TestEachListingHasAnIndex has SQLite say how it would find pages.
func TestEachListingHasAnIndex(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	for how, f := range map[string]resource.RequestFilter{
		"start (started_at<?)":                             {},
		"start (started_at>? AND started_at<?)":            {Since: noon(), Model: "m"},
		"id (id=?)":                                        {ID: "req_1"},
		"user (user_id=? AND started_at<?)":                {UserID: "u1", Model: "m", Status: 5},
		"key (key_id=? AND started_at<?)":                  {KeyID: "k1", Cursor: "1.1.r"},
		"account (account=? AND started_at<?)":             {Account: "a1"},
		"key (key_id=? AND started_at>? AND started_at<?)": {KeyID: "k1", Since: noon(), Until: noon()},
	} {
		statement, args, err := db.PageOfRequests(f)
		require.NoError(t, err)
		rows, err := db.SQL().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, args...)
		require.NoError(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
			plan = append(plan, step)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close()) //nolint:sqlclosecheck // in a loop
		assert.Contains(t, plan, "SEARCH request_logs USING INDEX request_logs_"+how)
		if f.ID == "" { // which few rows have
			assert.NotContains(t, plan, "USE TEMP B-TREE FOR ORDER BY", "%s: all rows are sorted", how)
		}
	}
}

func hostileTexts(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	models := []string{
		"gpt-5", "GPT-5", "gpt-5 ", "gpt-5\x00", "gpt-5\xff\xfe", "'; DROP TABLE accounts; --", strings.Repeat("é", 300), strings.Repeat("\xf0\x9f\x98\x80", 100),
		"a?b$1", "%s%n", "\n\t\\", "模型", "ss", "ß", "e\u0301", "é",
	}
	for i, model := range models {
		r := request(i)
		r.Model = model
		r.ID, r.UserID, r.Account, r.ClientIP, r.Code = model, model, model, model, model
		r.UsedProxy, r.Trail = strings.Repeat(model, 50), []byte(`{"a":"`+strings.Repeat("x", i*10_000)+`"}`)
		db.Record(r)
	}
	require.NoError(t, db.Flush(t.Context()))
	assert.Zero(t, db.Dropped())
	report := agree(t, db)
	assert.EqualValues(t, len(models), report.Rows)
	got, _, err := db.Requests(t.Context(), resource.RequestFilter{Model: "GPT-5"})
	require.NoError(t, err)
	assert.Len(t, got, 1, "each byte counts")
}

// slowModel has random requests, and adds them up in a way that is obviously right.
func slowModel(t *testing.T, w world) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	db := open(t, config(t, w.fresh(t)))
	days := map[resource.DailyUsage]resource.DailyUsage{} // by what has no sums
	did := map[resource.AccountUsage]resource.AccountUsage{}
	pick := func(n int) string { return fmt.Sprintf("n%d", random.IntN(n)) }
	for i := range 700 {
		r := request(i)
		r.UserID, r.KeyID, r.Model, r.Account = pick(3), pick(6), pick(9), pick(4)
		r.Start = time.Now().Add(-time.Duration(random.Int64N(int64(96 * time.Hour))))
		r.InputTokens, r.OutputTokens = random.Int64N(1000), random.Int64N(1000)
		r.Cost, r.Charged = random.Int64N(1e12), random.Int64N(1e12)
		if random.IntN(3) == 0 {
			for left := r.Cost; left > 0; left /= 7 {
				r.Attempts = append(r.Attempts, resource.Attempt{Account: pick(4), Cost: left - left/7})
			}
		}
		date := r.Start.UTC().Format(time.DateOnly)
		key := resource.DailyUsage{Date: date, UserID: r.UserID, KeyID: r.KeyID, Model: r.Model}
		d := days[key]
		days[key] = resource.DailyUsage{
			Date: date, UserID: r.UserID, KeyID: r.KeyID, Model: r.Model, Requests: d.Requests + 1, InputTokens: d.InputTokens + r.InputTokens,
			OutputTokens: d.OutputTokens + r.OutputTokens, Cost: d.Cost + r.Cost, Charged: d.Charged + r.Charged,
		}
		list := r.Attempts
		if list == nil {
			list = []resource.Attempt{{Account: r.Account, Cost: r.Cost}}
		}
		for _, a := range list {
			key := resource.AccountUsage{Date: date, Account: a.Account}
			did[key] = resource.AccountUsage{Date: date, Account: a.Account, Attempts: did[key].Attempts + 1, Cost: did[key].Cost + a.Cost}
		}
		db.Record(r)
	}
	require.NoError(t, db.Flush(t.Context()))
	got, err := db.DailyUsage(t.Context(), resource.UsageFilter{Limit: 10_000})
	require.NoError(t, err)
	assert.Len(t, got, len(days))
	for _, d := range got {
		assert.Equal(t, days[resource.DailyUsage{Date: d.Date, UserID: d.UserID, KeyID: d.KeyID, Model: d.Model}], d)
	}
	accounts, err := db.AccountUsage(t.Context(), "", resource.UsageFilter{Limit: 10_000})
	require.NoError(t, err)
	assert.Len(t, accounts, len(did))
	for _, a := range accounts {
		assert.Equal(t, did[resource.AccountUsage{Date: a.Date, Account: a.Account}], a)
	}
	agree(t, db)
}
