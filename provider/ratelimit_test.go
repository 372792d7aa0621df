package provider_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// limit is a bucket of which nothing is said.
func limit(name string, change func(*provider.RateLimit)) provider.RateLimit {
	l := provider.RateLimit{Name: name, Limit: -1, Remaining: -1, Used: -1}
	if change != nil {
		change(&l)
	}
	return l
}

func TestRateLimits(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 14, 30, 0, time.UTC)
	full := func(name string, size, left int64, reset time.Duration) provider.RateLimit {
		return limit(name, func(l *provider.RateLimit) {
			l.Limit, l.Remaining, l.Reset, l.Exhausted = size, left, now.Add(reset), left == 0
		})
	}
	for name, c := range map[string]struct {
		header map[string]string
		want   []provider.RateLimit
	}{
		"none": {map[string]string{"Content-Type": "application/json", "Anthropic-Organization-Id": "x", "Anthropic-Version": "2023-06-01"}, nil},
		"OpenAI, Go durations": {map[string]string{
			"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s",
			"x-ratelimit-limit-tokens": "150000", "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s",
			"x-ratelimit-limit-project-tokens": "60000", "x-ratelimit-remaining-project-tokens": "0", "x-ratelimit-reset-project-tokens": "12ms",
		}, []provider.RateLimit{
			full("project-tokens", 60000, 0, 12*time.Millisecond),
			full("requests", 60, 59, time.Second),
			full("tokens", 150000, 149984, 6*time.Minute),
		}},
		"OpenAI, with an underscore": {map[string]string{"x-ratelimit-remaining-tokens_usage_based": "7"}, []provider.RateLimit{
			limit("tokens_usage_based", func(l *provider.RateLimit) { l.Remaining = 7 })}},
		"Azure, bare seconds and placeholders": {map[string]string{
			"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0",
			"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "22",
		}, []provider.RateLimit{
			limit("requests", func(l *provider.RateLimit) { l.Remaining, l.Reset = 9, now.Add(22*time.Second) }),
			limit("tokens", func(l *provider.RateLimit) { l.Reset = now }),
		}},
		"Groq": {map[string]string{"x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14370", "x-ratelimit-reset-requests": "2m59.56s"},
			[]provider.RateLimit{full("requests", 14400, 14370, 179560*time.Millisecond)}},
		"Mistral, by the minute and without a reset": {map[string]string{
			"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "0", "x-ratelimit-tokens-query-cost": "9"},
			[]provider.RateLimit{limit("req-minute", func(l *provider.RateLimit) { l.Limit, l.Remaining, l.Exhausted = 60, 0, true })}},
		"OpenRouter, epoch milliseconds and no bucket": {map[string]string{
			"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(now.Add(time.Minute).UnixMilli())},
			[]provider.RateLimit{full("", 20, 0, time.Minute)}},
		"Together, seconds": {map[string]string{"x-ratelimit-reset": "20"}, []provider.RateLimit{
			limit("", func(l *provider.RateLimit) { l.Reset = now.Add(20 * time.Second) })}},
		"Anthropic, RFC 3339": {map[string]string{
			"anthropic-ratelimit-input-tokens-limit": "30000", "anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-11-20T10:16:00Z",
			"anthropic-priority-output-tokens-limit": "100", "anthropic-priority-output-tokens-remaining": "90",
			"anthropic-fast-input-tokens-remaining": "3"},
			[]provider.RateLimit{
				limit("fast-input-tokens", func(l *provider.RateLimit) { l.Remaining = 3 }),
				full("input-tokens", 30000, 0, 90*time.Second),
				limit("priority-output-tokens", func(l *provider.RateLimit) { l.Limit, l.Remaining = 100, 90 }),
			}},
		"Anthropic, unified windows": {map[string]string{
			"anthropic-ratelimit-unified-status": "allowed", "anthropic-ratelimit-unified-reset": fmt.Sprint(now.Add(time.Hour).Unix()),
			"anthropic-ratelimit-unified-5h-status": "allowed_warning", "anthropic-ratelimit-unified-5h-utilization": "0.93",
			"anthropic-ratelimit-unified-7d_oi-status": "rejected", "anthropic-ratelimit-unified-7d_oi-utilization": "1.02",
			"anthropic-ratelimit-unified-overage-status": "rejected", "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
			"anthropic-ratelimit-unified-fallback-percentage": "0.5", "anthropic-ratelimit-unified-representative-claim": "five_hour"},
			[]provider.RateLimit{
				limit("unified", func(l *provider.RateLimit) { l.Reset = now.Add(time.Hour) }),
				limit("unified-5h", func(l *provider.RateLimit) { l.Used = 0.93 }),
				limit("unified-7d_oi", func(l *provider.RateLimit) { l.Used, l.Exhausted = 1.02, true }),
			}},
		"ChatGPT plan": {map[string]string{
			"x-codex-primary-used-percent": "42.5", "x-codex-primary-window-minutes": "300", "x-codex-primary-reset-at": fmt.Sprint(now.Add(time.Hour).Unix()),
			"x-codex-secondary-used-percent": "100", "x-codex-secondary-reset-after-seconds": "60", "x-codex-active-limit": "primary"},
			[]provider.RateLimit{
				limit("codex-primary", func(l *provider.RateLimit) { l.Used, l.Reset = 0.425, now.Add(time.Hour) }),
				limit("codex-secondary", func(l *provider.RateLimit) { l.Used, l.Reset, l.Exhausted = 1, now.Add(time.Minute), true }),
			}},
		"nonsense": {map[string]string{
			"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "NaN", "x-ratelimit-reset-requests": "whenever",
			"anthropic-ratelimit-tokens-reset": "1999-01-01T00:00:00Z", "anthropic-ratelimit-unified-5h-utilization": "-1",
			"x-codex-primary-used-percent": "1e300", "x-ratelimit-": "1", "anthropic-": "1"}, nil},
		"huge": {map[string]string{"x-ratelimit-limit-tokens": "1e300", "x-ratelimit-reset-tokens": "9999999999999"},
			[]provider.RateLimit{limit("tokens", func(l *provider.RateLimit) { l.Limit = 1 << 53 })}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			got := provider.RateLimits(h, now)
			for i := range got {
				got[i].Reset = got[i].Reset.UTC()
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestRateLimitsAreBounded(t *testing.T) {
	h := http.Header{}
	for i := range 100 {
		h.Set(fmt.Sprintf("X-Ratelimit-Remaining-Bucket%d", i), "1")
	}
	require.Len(t, provider.RateLimits(h, noon), 16)
}
