package server_test

import (
	"bytes"
	"cmp"
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	sqlstore "github.com/aitransport/aitransport/examples/gateway/store"
)

// usages is a store that knows what a key has used by now, and what accounts did.
type usages struct {
	*memory
	accounts []resource.AccountUsage
	asked    []string
	books    error // of AccountUsage
	one      error // of UsageOfKey
}

func (u *usages) breakBooks(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.books = err
}

func (u *usages) breakUsage(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.one = err
}

func (u *usages) UsageOfKey(_ context.Context, id string) (rows []resource.KeyUsage, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, id)
	for _, row := range u.usage {
		if row.KeyID == id {
			rows = append(rows, row)
		}
	}
	return rows, cmp.Or(u.one, u.fail)
}

func (u *usages) AccountUsage(_ context.Context, _ string, f resource.UsageFilter) (rows []resource.AccountUsage, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, row := range u.accounts {
		if row.Date >= f.From {
			rows = append(rows, row)
		}
	}
	return rows, u.books
}

func (u *usages) use(rows ...resource.KeyUsage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.usage = rows
}

func (u *usages) questions() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked)
}

// A key that is given a limit has used of it what it used before, in the limit's window:
// else a limit would be worth nothing on the day that it is set.
func TestANewLimitCountsWhatWasUsedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &usages{memory: &memory{keys: map[string]resource.Key{}}}
		k := key(secret)
		give := func(quotas ...resource.Quota) {
			u.mu.Lock()
			defer u.mu.Unlock()
			k.Quotas, k.UpdatedAt = quotas, k.UpdatedAt.Add(time.Second)
			u.keys[k.Hash] = k
		}
		give()
		r := newRig(t, func(c *server.Config) { c.Store, c.Keys = u, nil })
		require.Equal(t, 200, r.chat().status)
		assert.Zero(t, u.questions(), "who has no limit is not asked about")

		day, total := resource.Quota{Window: "day", Tokens: 5000}, resource.Quota{Window: "total", Tokens: 9000}
		used := func(n int64) {
			u.use(resource.KeyUsage{KeyID: k.ID, Start: time.Now().Truncate(15 * time.Minute), InputTokens: n},
				resource.KeyUsage{KeyID: k.ID, Start: time.Now().AddDate(0, 0, -2), InputTokens: 4000})
		}
		used(4500)
		give(day)
		r.s.Forget(k.Hash)
		got := r.chat()
		require.Equal(t, 402, got.status)
		assert.Contains(t, got.body, "Used: 4500 tokens")

		give(resource.Quota{Window: "day", Tokens: 6000}) // more of the same is counted on
		r.s.Forget(k.Hash)
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, 1, u.questions())

		give(resource.Quota{Window: "day", Tokens: 6000}, total) // beside it another
		used(4518)
		r.s.Forget(k.Hash)
		got = r.chat()
		require.Equal(t, 402, got.status)
		assert.Contains(t, got.body, "Used: 8518 tokens")

		give() // for a while there is none
		used(5100)
		r.s.Forget(k.Hash)
		require.Equal(t, 200, r.chat().status)
		give(resource.Quota{Window: "day", Tokens: 6000})
		r.s.Forget(k.Hash)
		got = r.chat()
		require.Equal(t, 402, got.status)
		assert.Contains(t, got.body, "Used: 5100 tokens", "what was counted once is not counted twice")
	})
}

// Where the store does not tell, the new limit counts from then on, and it is said.
func TestANewLimitWhileTheStoreIsAwayCountsFromThenOn(t *testing.T) {
	u := &usages{memory: &memory{keys: map[string]resource.Key{}}}
	r := newRig(t, withKey(func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 5000}} }), func(c *server.Config) {
		u.usage = []resource.KeyUsage{{KeyID: key(secret).ID, Start: time.Now(), InputTokens: 4990}}
		c.Store = u
	})
	u.failWith(errDown)
	assert.Equal(t, 402, r.chat().status, "what was read at the start is known all the same")
	assert.Contains(t, r.logs.String(), "Quota not seeded")
}

// An account has used of its limits by the day what the books say, after a restart too.
func TestLimitsOfAccountsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			limit resource.Limit
			fits  bool
		}{
			"requests of the day":   {resource.Limit{Unit: "requests", Max: 10, Window: "day"}, false},
			"more of them":          {resource.Limit{Unit: "requests", Max: 11, Window: "day"}, true},
			"of the week":           {resource.Limit{Unit: "requests", Max: 12, Window: "week"}, false},
			"of the month":          {resource.Limit{Unit: "requests", Max: 10, Window: "month"}, false},
			"in total":              {resource.Limit{Unit: "requests", Max: 17, Window: "total"}, false},
			"more in total":         {resource.Limit{Unit: "requests", Max: 18, Window: "total"}, true},
			"money of the day":      {resource.Limit{Unit: "usd", Max: 0.5, Window: "day"}, false},
			"more of it":            {resource.Limit{Unit: "usd", Max: 0.7, Window: "day"}, true},
			"a day of its own":      {resource.Limit{Unit: "requests", Max: 10, Window: "day", Zone: "Asia/Tokyo"}, true},
			"a rolling one":         {resource.Limit{Unit: "requests", Max: 10, Window: "24h"}, true},
			"tokens: nobody counts": {resource.Limit{Unit: "tokens", Max: 10_000, Window: "total"}, true},
		} {
			u := &usages{memory: &memory{}, accounts: []resource.AccountUsage{
				{Date: "2000-01-01", Account: "a", Attempts: 10, Cost: 5e8}, {Date: "1999-12-31", Account: "a", Attempts: 2, Cost: 1},
				{Date: "1999-06-30", Account: "a", Attempts: 5, Cost: 1}, {Date: "2000-01-01", Account: "b", Attempts: 100, Cost: 1e12},
			}}
			r := newRig(t, func(cfg *server.Config) {
				cfg.Store = u
				cfg.Accounts = []resource.Account{account("a", "openai", func(a *resource.Account) { a.Limits = []resource.Limit{c.limit} })}
			})
			got := r.chat()
			assert.Equal(t, c.fits, got.status == 200, "%s: %s", name, got.body)
			require.NoError(t, r.s.Reload(t.Context()))
			require.NoError(t, r.s.Close())
		}
	})
}

// A limit that an account is given while the program runs has what it used before in it,
// once.
func TestALimitThatAnAccountIsGivenCountsWhatWasUsedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &usages{memory: &memory{}, accounts: []resource.AccountUsage{{Date: "2000-01-01", Account: "a", Attempts: 3}}}
		r := newRig(t, func(cfg *server.Config) { cfg.Store, cfg.Accounts = u, nil })
		limited := func(most float64) {
			u.set(account("a", "openai", func(a *resource.Account) {
				a.Limits = []resource.Limit{{Unit: "requests", Max: most, Window: "day"}}
			}))
			require.NoError(t, r.s.Reload(t.Context()))
		}
		u.set(account("a", "openai"))
		require.NoError(t, r.s.Reload(t.Context()))
		require.Equal(t, 200, r.chat().status)
		u.accounts[0].Attempts = 4
		limited(5)
		require.Equal(t, 200, r.chat().status)
		require.Equal(t, 503, r.chat().status)
		u.accounts[0].Attempts = 5
		limited(6)
		require.Equal(t, 200, r.chat().status, "nothing counts twice")
		require.Equal(t, 503, r.chat().status)
	})
}

// The database tells both.
func TestTheDatabaseTellsWhatLimitsNeed(t *testing.T) {
	c := sqlstore.Config{URL: filepath.Join(t.TempDir(), "g.db"), Key: bytes.Repeat([]byte{1}, 32)}
	db, err := sqlstore.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close(context.WithoutCancel(t.Context()))) })
	k := key(secret)
	for range 3 {
		db.Record(resource.Request{KeyID: k.ID, Account: "oai", InputTokens: 100, Cost: 7, Start: time.Now()})
	}
	require.NoError(t, db.Flush(t.Context()))
	rows, err := db.UsageOfKey(t.Context(), k.ID)
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	rows, err = db.UsageOfKey(t.Context(), "another")
	require.NoError(t, err)
	require.Empty(t, rows)
	r := newRig(t, withKey(func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "total", Tokens: 1300}} }), func(cfg *server.Config) {
		cfg.Store = db
		cfg.Accounts = []resource.Account{account("oai", "openai", func(a *resource.Account) {
			a.Limits = []resource.Limit{{Unit: "requests", Max: 3, Window: "total"}}
		})}
	})
	got := r.chat()
	require.Equal(t, 402, got.status)
	assert.Contains(t, got.body, "Used: 300 tokens")
	got = r.ask("POST", "/v1/chat/completions", `{"model":"gpt-5","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`)
	assert.Equal(t, 503, got.status, "the account's limit is reached")
}
