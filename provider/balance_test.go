package provider_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestParseBalance(t *testing.T) {
	tests := map[string]struct {
		at   *provider.Provider
		body string
		want string // as JSON; "": an error
	}{
		"deepseek: strings":        {deepseek, `{"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"110.00","granted_balance":"10.00","topped_up_balance":"100.00"}]}`, `[{"currency":"CNY","available":"110","enough":true}]`},
		"deepseek: two currencies": {deepseek, "\n" + `{"is_available":false,"balance_infos":[{"currency":"cny","total_balance":"0.00"},{"currency":"USD","total_balance":"-0.25"}]}`, `[{"currency":"CNY","available":"0","enough":false},{"currency":"USD","available":"-0.25","enough":false}]`},
		"deepseek: no currency":    {deepseek, `{"is_available":true,"balance_infos":[]}`, ``},
		"deepseek: an error":       {deepseek, `{"error":{"message":"no"}}`, ``},
		"moonshot: numbers":        {moonshot, `{"code":0,"data":{"available_balance":49.58894,"voucher_balance":46.58893,"cash_balance":3.00001},"scode":"0x0","status":true}`, `[{"currency":"CNY","available":"49.58894","enough":true}]`},
		"moonshot: elsewhere":      {provider.OpenAI.At("kimi", "https://api.moonshot.ai/v1"), `{"data":{"available_balance":0}}`, `[{"currency":"USD","available":"0","enough":false}]`},
		"moonshot: by a relay":     {provider.OpenAI.At("moonshot", "https://relay.example.com/v1"), `{"data":{"available_balance":1e-05}}`, `[{"available":"0.00001","enough":true}]`},
		"moonshot: nothing":        {moonshot, `{"data":{}}`, ``},
		"openrouter: a limit":      {openrouter, `{"data":{"limit":100,"limit_remaining":74.5,"limit_reset":"monthly","usage":25.5}}`, `[{"currency":"USD","available":"74.5","limit":"100","used":"25.5","until":"2026-09-01T00:00:00Z","enough":true}]`},
		"openrouter: no limit":     {openrouter, `{"data":{"limit":null,"limit_remaining":null,"limit_reset":null,"usage":25.5}}`, `[{"currency":"USD","used":"25.5","enough":true}]`},
		"openrouter: budget":       {openrouter, `{"data":{"limit_remaining":74.5,"usage":0,"effective_budget":{"remaining_usd":-1}}}`, `[{"currency":"USD","available":"-1","used":"0","enough":false}]`},
		"openrouter: wide budget":  {openrouter, `{"data":{"limit_remaining":1,"usage":0,"effective_budget":{"remaining_usd":5}}}`, `[{"currency":"USD","available":"1","used":"0","enough":true}]`},
		"not JSON":                 {openrouter, `<html>`, ``},
		"cut short":                {openrouter, `{"data":{"usage":1`, ``},
		"nothing":                  {openrouter, ``, ``},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := provider.ParseBalance(tt.at, []byte(tt.body), noon)
			if tt.want == "" {
				require.Error(t, err)
				require.NotErrorIs(t, err, errors.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			text, err := json.Marshal(got)
			require.NoError(t, err)
			assert.JSONEq(t, tt.want, string(text))
			var back []provider.Balance
			require.NoError(t, json.Unmarshal(text, &back))
			assert.Equal(t, got, back)
		})
	}
}

func TestWhoTellsABalance(t *testing.T) {
	for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini, vllm} {
		_, ok := provider.BalanceProbe(p)
		assert.False(t, ok, p.Name)
		_, err := provider.ParseBalance(p, []byte(`{}`), noon)
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	}
	for _, p := range []*provider.Provider{deepseek, moonshot, openrouter} {
		probe, ok := provider.BalanceProbe(p)
		require.True(t, ok, p.Name)
		assert.Contains(t, probe.Proves, provider.ProvesMoney)
	}
}

func TestBalancesAreBounded(t *testing.T) {
	body := `{"is_available":true,"balance_infos":[` + strings.Repeat(`{"currency":"USD","total_balance":"1"},`, 100) + `{}]}`
	got, err := provider.ParseBalance(deepseek, []byte(body), noon)
	require.NoError(t, err)
	assert.Len(t, got, 16)
}

func TestWhenALimitBeginsAnew(t *testing.T) {
	tuesday := time.Date(2026, 12, 29, 23, 59, 59, 0, time.FixedZone("CET", 3600))
	monday := time.Date(2026, 12, 28, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		period string
		at     time.Time
		want   time.Time
	}{
		{"daily", tuesday, time.Date(2026, 12, 30, 0, 0, 0, 0, time.UTC)},
		{"weekly", tuesday, time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC)},
		{"weekly", monday, time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC)},
		{"weekly", monday.Add(-time.Second), monday},
		{"monthly", tuesday, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"yearly", tuesday, time.Time{}},
	}
	for _, tt := range tests {
		got, err := provider.ParseBalance(openrouter, []byte(`{"data":{"usage":1,"limit":5,"limit_remaining":4,"limit_reset":"`+tt.period+`"}}`), tt.at)
		require.NoError(t, err)
		assert.True(t, tt.want.Equal(got[0].Until), "%s: %s", tt.period, got[0].Until)
	}
}

func TestAmount(t *testing.T) {
	for text, nano := range map[string]int64{
		"0": 0, "0.00": 0, "1": 1e9, "-1.5": -15e8, "+2": 2e9, "110.00": 110e9, "0.000000001": 1, "0.0000000019": 1, "-0.0000000019": -1,
		"1e-05": 10_000, "1E3": 1000e9, "9223372036.854775807": math.MaxInt64, "-9223372036.854775808": math.MinInt64,
	} {
		var a provider.Amount
		require.NoError(t, a.UnmarshalText([]byte(text)), text)
		got, said := a.Nano()
		assert.True(t, said)
		assert.Equal(t, nano, got, text)
		var back provider.Amount
		require.NoError(t, back.UnmarshalText([]byte(a.String())))
		assert.Equal(t, a, back, text)
	}
	for _, text := range []string{"x", "1,5", "0x10", "1_000", "1/3", "Inf", "NaN", "1e99999999", "1e-99999999", "9223372036.854775808", "--1", "1e", ".", strings.Repeat("9", 60)} {
		var a provider.Amount
		assert.Error(t, a.UnmarshalText([]byte(text)), text)
	}
	assert.Equal(t, "-9223372036.854775808", provider.NanoAmount(math.MinInt64).String())
	assert.Empty(t, provider.Amount{}.String())
	a := provider.NanoAmount(1)
	require.NoError(t, a.UnmarshalText(nil))
	assert.Equal(t, provider.Amount{}, a)
}

// FuzzParseBalance: no answer makes it panic or give out more than its bounds.
func FuzzParseBalance(f *testing.F) {
	f.Add([]byte(`{"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"110.00"}]}`))
	f.Add([]byte(`{"data":{"available_balance":1e-9,"limit":100,"limit_remaining":74.5,"limit_reset":"weekly","usage":25.5}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range []*provider.Provider{deepseek, moonshot, openrouter} {
			got, err := provider.ParseBalance(p, body, noon)
			if (err == nil) != (len(got) > 0) || len(got) > 16 {
				t.Fatalf("%s: %d balances, error %v", p.Name, len(got), err)
			}
		}
	})
}
