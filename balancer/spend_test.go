package balancer_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// Shutdown lets a renewal finish that no request waits for: the endpoint has spent
// the refresh token by then.
func TestShutdownLetsAnEarlyRenewalFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &authServer{fake: providertest.OpenAI(providertest.Config{})}
		auth.set(func(_ int, w http.ResponseWriter) {
			time.Sleep(time.Second)
			fmt.Fprint(w, `{"access_token":"access-1","expires_in":3600,"refresh_token":"refresh-1"}`)
		})
		o := login(t, func(c *provider.OAuthConfig) { c.Expiry = time.Now().Add(time.Minute) }) // early: in use still
		lb := newTransport(t, over(auth, account("main", with(o))))
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		synctest.Wait()
		require.Equal(t, 1, auth.count(), "renewals that have begun")
		require.NoError(t, lb.Shutdown(t.Context()))
		synctest.Wait()
		assert.Equal(t, "refresh-1", o.Tokens().RefreshToken, "the old one is spent: %v", o.Err())
	})
}

// A service tier for which the row has no rate, which the caller may choose, does not
// open a cost limit.
func TestACostLimitHoldsWhateverTierTheCallerAsksFor(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Status(200, http.Header{"Content-Type": {"application/json"}},
		`{"object":"chat.completion","model":"gpt-5","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],
		"service_tier":"priority","usage":{"prompt_tokens":1000000,"completion_tokens":1000000,"total_tokens":2000000}}`))
	cfg := over(fake, account("limited", costLimit(1*provider.USD)))
	cfg.Prices = provider.StarterPrices()
	lb := newTransport(t, cfg)
	refused := 0
	for range 5 { // $11.25 each
		if _, _, err := send(t.Context(), t, lb); err != nil {
			refused++
		}
	}
	assert.NotZero(t, refused, "55 dollars were spent under a limit of one")
}

// Nor does a search, for which the starter table has no rate.
func TestASearchDoesNotMakeAMessageFree(t *testing.T) {
	fake := providertest.Anthropic(providertest.Config{})
	fake.Always(providertest.Status(200, http.Header{"Content-Type": {"application/json"}},
		`{"type":"message","model":"claude-opus-5","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1000000,"output_tokens":1000000,"server_tool_use":{"web_search_requests":1}}}`))
	store := quota.NewMemory(quota.MemoryConfig{})
	limit := quota.Limit{Unit: quota.Cost, Max: 1 * provider.USD, Window: quota.Rolling(time.Hour)}
	cfg := over(fake, account("limited", func(a *balancer.Account) { a.Provider = provider.Anthropic }, costLimit(limit.Max)))
	cfg.Prices, cfg.Quota = provider.StarterPrices(), store
	_ = trailed(t, newTransport(t, cfg), "https://api.anthropic.com/v1/messages", `{"model":"claude-opus-5","max_tokens":9,"messages":[]}`)
	levels, err := store.Levels(t.Context(), "account/limited", []quota.Limit{limit})
	require.NoError(t, err)
	assert.NotZero(t, levels[0].Used, "at least the $30 of its tokens are known")
}

// A request that cannot be sent again cannot be mended, but the token can: the
// account must not be disabled for a token that only has to be renewed.
func TestUploadsThatFindAnOldTokenDoNotDisableTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{Keys: []string{"access-1"}})
		auth := &authServer{fake: fake}
		cfg := over(auth, account("first", with(login(t))))
		cfg.MaxReplay = 10
		lb := newTransport(t, cfg)
		for range 3 {
			r := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
			r.GetBody = nil
			_, _, _ = do(lb, r)
			time.Sleep(10 * time.Minute)
		}
		assert.NotEqual(t, "disabled", stateOf(t, lb))
		assert.NotZero(t, auth.count(), "nobody has asked for another token")
	})
}

// The same accounts again change nothing.
func TestSetAccountsDoesNotEnableAnAccountWithTheSameKey(t *testing.T) {
	for name, accounts := range map[string]func() []balancer.Account{
		"Secret": func() []balancer.Account { return []balancer.Account{account("first")} },
		"Credential": func() func() []balancer.Account {
			k := provider.Key("key-first")
			return func() []balancer.Account { return []balancer.Account{account("first", with(k))} }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			own := *provider.OpenAI
			own.Classify = func(a provider.Answer) provider.Verdict {
				return provider.Verdict{Class: provider.ClassAuthInvalid, Scope: provider.ScopeAccount, Permanent: true}
			}
			all := func() []balancer.Account {
				list := accounts()
				list[0].Provider = &own
				return list
			}
			fake.Always(providertest.Unauthorized())
			lb := newTransport(t, over(fake, all()...))
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			require.Equal(t, "disabled", stateOf(t, lb))
			require.NoError(t, lb.SetAccounts(all()))
			assert.Equal(t, "disabled", stateOf(t, lb))
		})
	}
}
