package provider_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

func TestRedact(t *testing.T) {
	for from, want := range map[string]string{
		"Incorrect API key provided: sk-proj-****6789. Find it": "Incorrect API key provided: ***. Find it",
		"key AIzaSyA-1_b.":                            "key ***.",
		"'sk-ant-api03-x'":                            "'***'",
		"Authorization: Bearer abc/def+ghi==,":        "Authorization: Bearer ***,",
		"a Bearer token is missing":                   "a Bearer token is missing",
		"Your api key: ****6789 is invalid":           "Your api key: *** is invalid",
		"in project proj_X1 organization org-abc9":    "in project *** organization ***",
		"an org-wide limit":                           "an org-wide limit",
		"key=ya29.a0Af":                               "key=***",
		"x0123456789abcdef0123456789abcdef":           "***",
		"GenerateContentPaidTierInputTokensPerMinute": "GenerateContentPaidTierInputTokensPerMinute",
		"model claude-sonnet-4-5-20250929 is fine":    "model claude-sonnet-4-5-20250929 is fine",
		"task-1 risk-free":                            "task-1 risk-free",
		"  one\r\n\ttwo\x00\x1b[31m  three ":          "one two[31m three",
		"xa***yz":                                     "***",
		"eyJhbGciOi.eyJz.c2ln":                        "***",
		"ein Schlüssel fehlt":                         "ein Schlüssel fehlt",
		"bad \xff\xfe bytes":                          "bad bytes",
		"a\u202eb":                                    "ab",
	} {
		assert.Equal(t, want, provider.Redact(from, 300), "%q", from)
	}
	long := provider.Redact(strings.Repeat("ä ", 4000), 300)
	assert.LessOrEqual(t, utf8.RuneCountInString(long), 300)
	assert.True(t, utf8.ValidString(long))
}

// TestRedactShowsThatItCut: at the end, and within the limit.
func TestRedactShowsThatItCut(t *testing.T) {
	for from, want := range map[string]string{
		"":                                       "",
		"123456789":                              "123456789",
		"1234567890":                             "1234567890",
		"1234567890  ":                           "1234567890",
		"12345678901":                            "***",
		"abcdefghijk":                            "abcdefghi…",
		"abcde fghijk":                           "abcde fgh…",
		"abcdefghij k":                           "abcdefghi…",
		"abcdefghi jk":                           "abcdefghi…",
		"ääääääääää":                             "ääääääääää",
		"äääääääääää":                            "äääääääää…",
		"a b c d e f":                            "a b c d e…",
		"ab sk-abcdef":                           "ab ***",
		"ab cd ef sk-abcdef":                     "ab cd ef…",
		strings.Repeat("ä", 5000):                "äääääääää…",
		strings.Repeat("\x00", 5000) + "a":       "",
		"a" + strings.Repeat("\x00", 5000) + "b": "a…",
	} {
		got := provider.Redact(from, 10)
		assert.Equal(t, want, got, "%.20q", from)
		assert.LessOrEqual(t, utf8.RuneCountInString(got), 10)
	}
}

func TestParseReset(t *testing.T) {
	for from, want := range map[string]time.Duration{
		"30": 30 * time.Second, "56.5": 56500 * time.Millisecond, " 1 ": time.Second, "0": 0,
		"6m0s": 6 * time.Minute, "12ms": 12 * time.Millisecond, "1h23m31s": time.Hour + 23*time.Minute + 31*time.Second,
		"2m59.56s": 2*time.Minute + 59560*time.Millisecond, "1d2h": 26 * time.Hour, "2d": 48 * time.Hour,
		"34.074824224s":                 34074824224,
		"2026-08-18T12:00:07Z":          7 * time.Second,
		"2026-08-18T14:00:07+02:00":     7 * time.Second,
		"Tue, 18 Aug 2026 12:01:00 GMT": time.Minute,
		"1787054460":                    time.Minute,
		"1787054460000":                 time.Minute,
		"3456000":                       40 * 24 * time.Hour,
	} {
		assert.Equal(t, noon.Add(want), provider.ParseReset(from, noon).UTC(), from)
	}
	for _, from := range []string{
		"", "-1", "-6m", "soon", "NaN", "Inf", "1e300", "1e15", "3456001", "41d", "99999d", "d", "-1d",
		"2026-08-18T11:59:59Z", "Tue, 18 Aug 2026 11:59:00 GMT", "2030-01-01T00:00:00Z", "1087054460",
	} {
		assert.True(t, provider.ParseReset(from, noon).IsZero(), from)
	}
}

// TestUntil reads the time out of whole answers, in the order of trust.
func TestUntil(t *testing.T) {
	const limited = `{"error":{"code":"rate_limit_exceeded","type":"tokens","message":"%"}}`
	for _, c := range []struct {
		name   string
		p      *provider.Provider
		h      []string
		body   string
		status int
		want   time.Duration // negative: not said
	}{
		{"milliseconds win", provider.OpenAI, []string{"Retry-After-Ms", "1500", "Retry-After", "9"}, "", 429, 1500 * time.Millisecond},
		{"bad milliseconds do not", provider.OpenAI, []string{"Retry-After-Ms", "-5", "Retry-After", "9"}, "", 429, 9 * time.Second},
		{"at once", provider.OpenAI, []string{"Retry-After", "0"}, "try again in 7s", 429, 0},
		{"header before text", provider.OpenAI, []string{"Retry-After", "9"}, "Please try again in 7s.", 429, 9 * time.Second},
		{"text, milliseconds", provider.OpenAI, nil, "Please try again in 84ms. Visit", 429, 84 * time.Millisecond},
		{"text, minutes", provider.OpenAI, nil, "Please try again in 6m0s.", 429, 6 * time.Minute},
		{"text, words", provider.OpenAI, nil, "Please retry after 22 seconds.", 429, 22 * time.Second},
		{"text, after", provider.OpenAI, nil, "please try again after 3 seconds", 429, 3 * time.Second},
		{"text, one word", provider.OpenAI, nil, "retry in 1 minute", 429, time.Minute},
		{"text before buckets", provider.OpenAI, []string{"X-Ratelimit-Remaining-Requests", "0", "X-Ratelimit-Reset-Requests", "1m"}, "try again in 2s", 429, 2 * time.Second},
		{"no number in the text", provider.OpenAI, nil, "try again in a moment", 429, -1},
		{"the empty bucket", provider.OpenAI, []string{
			"X-Ratelimit-Remaining-Requests", "5", "X-Ratelimit-Reset-Requests", "1h",
			"X-Ratelimit-Remaining-Tokens", "0", "X-Ratelimit-Reset-Tokens", "6m0s",
			"X-Ratelimit-Remaining-Project-Tokens", "0", "X-Ratelimit-Reset-Project-Tokens", "3s",
		}, "", 429, 6 * time.Minute},
		{"Azure's -1", provider.OpenAI, []string{"X-Ratelimit-Remaining-Tokens", "-1", "X-Ratelimit-Reset-Tokens", "-1"}, "", 429, -1},
		{"overload", provider.OpenAI, []string{"Retry-After", "4"}, "", 503, 4 * time.Second},
		{"overload has no bucket", provider.OpenAI, []string{"X-Ratelimit-Remaining-Tokens", "0", "X-Ratelimit-Reset-Tokens", "1m"}, "", 529, -1},
		{"too far off", provider.OpenAI, []string{"Retry-After", "99999999"}, "", 429, -1},
		{"the caller's fault ends at no time", provider.OpenAI, []string{"Retry-After", "4"}, "", 413, -1},
		{"full again", provider.Anthropic, []string{
			"Anthropic-Ratelimit-Input-Tokens-Remaining", "0", "Anthropic-Ratelimit-Input-Tokens-Reset", "2026-08-18T12:01:00Z",
			"Anthropic-Ratelimit-Requests-Remaining", "9", "Anthropic-Ratelimit-Requests-Reset", "2026-08-18T13:00:00Z",
		}, "", 429, time.Minute},
		{"later of window and retry-after", provider.Anthropic, []string{
			"Anthropic-Ratelimit-Unified-Status", "rejected", "Retry-After", "60",
			"Anthropic-Ratelimit-Unified-5h-Status", "rejected", "Anthropic-Ratelimit-Unified-5h-Reset", "1787055000",
			"Anthropic-Ratelimit-Unified-7d-Status", "allowed", "Anthropic-Ratelimit-Unified-7d-Reset", "1787155000",
		}, "", 429, 10 * time.Minute},
		{"header, Gemini", provider.Gemini, []string{"Retry-After", "5"}, "", 429, 5 * time.Second},
		{"text, Gemini", provider.Gemini, nil, "Please retry in 10h17m5.72s.", 429, 10*time.Hour + 17*time.Minute + 5720*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := ""
			if c.body != "" {
				body = strings.Replace(limited, "%", c.body, 1)
			}
			v := c.p.API.Classify(provider.Answer{Status: c.status, Header: headers(c.h...), Body: []byte(body), At: noon})
			if c.want < 0 {
				assert.True(t, v.Until.IsZero(), v.Until)
				return
			}
			assert.WithinDuration(t, noon.Add(c.want), v.Until, time.Microsecond)
		})
	}
}

// The tier's monthly limit ends with the month, whether the message says so or
// not; Gemini's day ends in California, whatever retryDelay says.
func TestUntilByCalendar(t *testing.T) {
	v := provider.Anthropic.API.Classify(provider.Answer{Status: 429, At: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC),
		Body: []byte(`{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}`)})
	assert.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), v.Until)
	v = provider.Gemini.API.Classify(provider.Answer{Status: 429, At: time.Date(2026, 12, 1, 8, 30, 0, 0, time.UTC),
		Body: fixture(t, "gemini/429-per-day.json")})
	assert.WithinDuration(t, time.Date(2026, 12, 2, 8, 0, 0, 0, time.UTC), v.Until, 0)
}
