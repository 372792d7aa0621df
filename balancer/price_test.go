package balancer_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
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

// priced has a dollar a million tokens of input and two of output for gpt-5, and
// ten times that for gpt-6.
func priced(t *testing.T) *provider.PriceTable {
	t.Helper()
	table, err := provider.NewPriceTable([]provider.PriceRow{
		{Models: []string{"gpt-5"}, Price: provider.Price{Input: 1 * provider.USD, CachedInput: 0.5 * provider.USD, Output: 2 * provider.USD}},
		{Models: []string{"gpt-6"}, Price: provider.Price{Input: 10 * provider.USD, Output: 20 * provider.USD}},
	})
	require.NoError(t, err)
	return table
}

// usual is the usage that a fake of these tests reports.
var usual = providertest.Config{InputTokens: 1000, CachedTokens: 400, OutputTokens: 100}

// usualCost is what it costs at gpt-5: 600 and 400 tokens in, 100 out.
const usualCost = 600*1000 + 400*500 + 100*2000

func costLimit(nano int64) func(*balancer.Account) {
	return func(a *balancer.Account) {
		a.Limits = append(a.Limits, quota.Limit{Unit: quota.Cost, Max: nano, Window: quota.Rolling(time.Hour)})
	}
}

func factor(f float64) func(*balancer.Account) {
	return func(a *balancer.Account) { a.PriceFactor = f }
}

// trailed sends a request and returns its attempts.
func trailed(t *testing.T, lb *balancer.Transport, url, body string) []balancer.Attempt {
	t.Helper()
	ctx, trail := balancer.WithTrail(t.Context())
	r := newRequest(ctx, t, http.MethodPost, url, body)
	r.Header.Set("Anthropic-Version", "2023-06-01")
	_, _, err := do(lb, r)
	require.NoError(t, err)
	return trail.Attempts()
}

func TestAnAttemptTellsItsCost(t *testing.T) {
	anthropic := func(a *balancer.Account) { a.Provider = provider.Anthropic }
	renamed := func(a *balancer.Account) { a.Models = map[string]string{"gpt-5": "gpt-6"} }
	const messagesURL = "https://api.anthropic.com/v1/messages"
	const messages = `{"model":"gpt-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	const streamed = `{"model":"gpt-5","stream":true,"stream_options":{"include_usage":true},"messages":[]}`
	tests := map[string]struct {
		fake      *providertest.Fake
		change    func(*balancer.Account)
		url, body string
		want      int64
	}{
		"openai":            {providertest.OpenAI(usual), factor(0), chatURL, chat, usualCost},
		"streamed":          {providertest.OpenAI(usual), factor(0), chatURL, streamed, usualCost},
		"anthropic":         {providertest.Anthropic(usual), anthropic, messagesURL, messages, usualCost},
		"a discount":        {providertest.OpenAI(usual), factor(0.8), chatURL, chat, usualCost * 8 / 10},
		"a markup":          {providertest.OpenAI(usual), factor(1.000001), chatURL, chat, usualCost + 1},
		"the model as sent": {providertest.OpenAI(usual), renamed, chatURL, chat, 1000*10_000 + 100*20_000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := over(tt.fake, account("main", tt.change))
			cfg.Prices = priced(t)
			var told []balancer.Attempt
			cfg.Hooks.Attempt = func(_ context.Context, a balancer.Attempt) { told = append(told, a) }
			attempts := trailed(t, newTransport(t, cfg), tt.url, tt.body)
			require.Len(t, attempts, 1)
			assert.Equal(t, tt.want, attempts[0].Cost)
			assert.True(t, attempts[0].CostKnown)
			assert.Equal(t, attempts, told)
		})
	}
}

// A provider of the catalogue that was moved costs what its vendor takes, unless a row
// means its own name.
func TestAMovedProviderCostsWhatItsVendorTakes(t *testing.T) {
	row := func(at string, input provider.Rate) provider.PriceRow {
		return provider.PriceRow{Provider: at, Models: []string{"gpt-5"}, Price: provider.Price{Input: input, CachedInput: input, Output: input}}
	}
	for name, c := range map[string]struct {
		rows []provider.PriceRow
		want int64
	}{
		"its vendor's":   {[]provider.PriceRow{row("deepseek", provider.USD), row("", 3*provider.USD)}, 1100 * 1000},
		"its own":        {[]provider.PriceRow{row("deepseek", provider.USD), row("relay", 2*provider.USD)}, 2 * 1100 * 1000},
		"anybody's":      {[]provider.PriceRow{row("", 3*provider.USD)}, 3 * 1100 * 1000},
		"another's only": {[]provider.PriceRow{row("moonshot", 3*provider.USD)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			deepseek, ok := provider.Lookup("deepseek")
			require.True(t, ok)
			table, err := provider.NewPriceTable(c.rows)
			require.NoError(t, err)
			fake := providertest.Compatible("deepseek", usual)
			cfg := over(fake, account("only", func(a *balancer.Account) { a.Provider = deepseek.At("relay", "https://relay.example.com") }))
			cfg.Prices = table
			a := trailed(t, newTransport(t, cfg), "https://relay.example.com/chat/completions", chat)[0]
			assert.Equal(t, c.want, a.Cost)
			assert.Equal(t, c.want != 0, a.CostKnown)
		})
	}
}

func TestACostIsUnknownRatherThanZero(t *testing.T) {
	answer := func(model string) providertest.Step {
		return providertest.Status(http.StatusOK, http.Header{"Content-Type": {"application/json"}},
			`{"object":"chat.completion","model":"`+model+`","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],
			 "usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}`)
	}
	ask := func(model string) string { return strings.Replace(chat, "gpt-5", model, 1) }
	const whole = 1000*1000 + 100*2000
	tests := map[string]struct {
		prices    *provider.PriceTable
		body      string
		step      providertest.Step
		wantCost  int64
		wantKnown bool
		wantLog   string
	}{
		"no prices":                 {nil, chat, answer("gpt-5"), 0, false, ""},
		"an unknown model":          {priced(t), ask("gpt-7"), answer("gpt-7"), 0, false, "model=gpt-7"},
		"one that answers as known": {priced(t), ask("latest"), answer("gpt-5"), whole, true, ""},
		"the one sent comes first":  {priced(t), chat, answer("gpt-6"), whole, true, ""},
		"both unknown":              {priced(t), ask("latest"), answer("gpt-7"), 0, false, "answered=gpt-7"},
		"a part of it": {
			priced(t), strings.Replace(chat, `{`, `{"stream":true,`, 1), providertest.CutStream(2), 0, false, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(usual)
			fake.Always(tt.step)
			cfg := over(fake, account("main"))
			cfg.Prices = tt.prices
			var lines bytes.Buffer
			cfg.Logger = slog.New(slog.NewTextHandler(&lines, nil))
			lb := newTransport(t, cfg)
			for range 2 {
				ctx, trail := balancer.WithTrail(t.Context())
				_, _, _ = do(lb, newRequest(ctx, t, http.MethodPost, chatURL, tt.body)) // the cut one fails
				attempts := trail.Attempts()
				require.NotEmpty(t, attempts)
				assert.Equal(t, tt.wantCost, attempts[0].Cost)
				assert.Equal(t, tt.wantKnown, attempts[0].CostKnown)
			}
			assert.Contains(t, lines.String(), tt.wantLog)
			want := 0
			if tt.wantLog != "" {
				want = 1
			}
			assert.Equal(t, want, strings.Count(lines.String(), "Cost not known"), "told once for each model")
		})
	}
}

func TestAFailedAttemptCostsNothing(t *testing.T) {
	fake := providertest.OpenAI(usual)
	fake.AlwaysFor("key-first", providertest.ServerError())
	cfg := over(fake, twoAccounts()...)
	cfg.Prices = priced(t)
	attempts := trailed(t, newTransport(t, cfg), chatURL, chat)
	require.Len(t, attempts, 2)
	assert.Zero(t, attempts[0].Cost)
	assert.False(t, attempts[0].CostKnown, "nobody knows what it has charged")
	assert.Equal(t, int64(usualCost), attempts[1].Cost)
}

func TestACostLimitIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(usual)
		cfg := over(fake,
			account("first", priority(1), factor(2), costLimit(3*usualCost)), // reached by the second, in debt by one
			account("second", priority(2)))
		cfg.Prices = priced(t)
		lb := newTransport(t, cfg)
		for range 4 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"first", "first", "second", "second"}, keysSeen(fake))
		time.Sleep(2 * time.Hour) // virtual
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		keys := keysSeen(fake)
		assert.Equal(t, "first", keys[len(keys)-1], "its window has passed")
	})
}

func TestCostIsChargedToTheQuota(t *testing.T) {
	store := quota.NewMemory(quota.MemoryConfig{})
	limit := quota.Limit{Unit: quota.Cost, Max: provider.USD, Window: quota.Rolling(time.Hour)}
	cfg := over(providertest.OpenAI(usual), account("main", factor(0.5), costLimit(provider.USD)))
	cfg.Prices, cfg.Quota = priced(t), store
	lb := newTransport(t, cfg)
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			_, _, err := send(t.Context(), t, lb)
			assert.NoError(t, err)
		})
	}
	calls.Wait()
	levels, err := store.Levels(t.Context(), "account/main", []quota.Limit{limit})
	require.NoError(t, err)
	assert.Equal(t, int64(10*usualCost/2), levels[0].Used)
}

func TestNothingGoesUnmeteredWhereCostIsLimited(t *testing.T) {
	ask := func(model string) string { return strings.Replace(chat, "gpt-5", model, 1) }
	limited := costLimit(provider.USD)
	tests := map[string]struct {
		method, url, body string
		served            bool
	}{
		"a known model":     {http.MethodPost, chatURL, chat, true},
		"an unknown model":  {http.MethodPost, chatURL, ask("gpt-7"), false},
		"no model":          {http.MethodPost, "https://api.openai.com/v1/images/generations", `{"prompt":"a cat"}`, false},
		"a list of models":  {http.MethodGet, "https://api.openai.com/v1/models", "", true},
		"a stored response": {http.MethodGet, "https://api.openai.com/v1/responses/resp_1", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(usual)
			cfg := over(fake, account("limited", priority(1), limited), account("open", priority(2)))
			cfg.Prices = priced(t)
			lb := newTransport(t, cfg)
			resp, err := lb.RoundTrip(newRequest(t.Context(), t, tt.method, tt.url, tt.body))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
			want := "open"
			if tt.served {
				want = "limited"
			}
			require.NotEmpty(t, keysSeen(fake))
			assert.Equal(t, want, keysSeen(fake)[0])
		})
	}

	t.Run("alone", func(t *testing.T) {
		fake := providertest.OpenAI(usual)
		cfg := over(fake, account("limited", limited))
		cfg.Prices = priced(t)
		_, _, err := do(newTransport(t, cfg), newRequest(t.Context(), t, http.MethodPost, chatURL, ask("gpt-7")))
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.ErrorContains(t, err, "limited: has a limit of cost")
		assert.ErrorContains(t, err, "Config.Prices")
		assert.Zero(t, fake.Count())
	})
}

func TestNewRefusesPricesThatCannotWork(t *testing.T) {
	tests := map[string]struct {
		change func(*balancer.Account)
		want   []string
	}{
		"negative":                {factor(-1), []string{"PriceFactor", "-1"}},
		"not a number":            {factor(math.NaN()), []string{"PriceFactor", "NaN"}},
		"infinite":                {factor(math.Inf(1)), []string{"PriceFactor", "Inf"}},
		"too large":               {factor(1001), []string{"PriceFactor", "1000"}},
		"too small to be counted": {factor(1e-7), []string{"PriceFactor", "Free"}},
		"cost without prices":     {costLimit(1), []string{"Limits", "Config.Prices", "StarterPrices"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := balancer.New(balancer.Config{Accounts: []balancer.Account{account("main", tt.change)}})
			for _, part := range append(tt.want, "main") {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}
