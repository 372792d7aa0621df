package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

func TestManyAccountsAreLoadedAndReloadedSoon(t *testing.T) {
	const many = 500
	accounts := make([]resource.Account, many)
	for i := range accounts {
		accounts[i] = account(fmt.Sprintf("a%04d", i), "openai", func(a *resource.Account) { a.Proxy = fmt.Sprintf("http://u:p@10.0.%d.%d:3128", i/250, i%250) })
	}
	r := newRig(t, func(c *server.Config) { c.Accounts, c.RoundTripper = nil, nil })
	r.store.set(accounts...)
	start := time.Now()
	require.NoError(t, r.s.Reload(t.Context()))
	first := time.Since(start)
	r.store.set(append(accounts[:many-1:many-1], account("new", "openai"))...)
	start = time.Now()
	require.NoError(t, r.s.Reload(t.Context()))
	again := time.Since(start)
	assert.Empty(t, r.s.Broken())
	assert.Less(t, first, 30*time.Second)
	assert.Less(t, again, 30*time.Second)
	t.Logf("%d accounts: %v, one of them changed: %v", many, first, again)
}
