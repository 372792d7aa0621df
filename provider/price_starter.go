package provider

import (
	"cmp"
	"slices"
	"sync"
)

// StarterPrices is a table to begin with: list prices of common models, as they
// were found on the day that each row bears. Prices change every month, and
// some are promotions: look at AsOf before you rely on one, and put your own
// over it,
//
//	prices, err := own.Over(provider.StarterPrices())
//
// or replace it as a whole by ParsePriceTable; marshalled as JSON it is a file to
// start from. It is the same table at each call.
//
// The models of one vendor that others resell (gpt, claude, gemini, grok) are
// priced at their vendor's list price at any provider, so that a reseller's
// markup is a factor on it; open models are priced at the places named. It does
// not hold what could not be established, and so gives no price for it: searches
// at Anthropic, most service tiers other than the ordinary one, storage.
func StarterPrices() *PriceTable { return starterPrices() }

var starterPrices = sync.OnceValue(func() *PriceTable {
	t, err := NewPriceTable(slices.Concat(openaiPrices, anthropicPrices, geminiPrices, xaiPrices, openModelPrices))
	if err != nil {
		panic(err) // a test would have found it
	}
	return t
})

// Where the prices were found. A page that bears no date was found in a copy,
// and its rows bear the day on which that was read: 2026-11-21.
const (
	fromOpenAIModels   = "developers.openai.com/api/docs/models"
	fromOpenAIPricing  = "developers.openai.com/api/docs/pricing, read for github.com/anuran-roy/unified-llm-pricing"
	fromAnthropic      = "platform.claude.com/docs/en/about-claude/pricing"
	fromAnthropicModel = "platform.claude.com/docs/models"
	fromClaudit        = "platform.claude.com pricing page, read for github.com/kurofune/claudit v1.9.2"
	fromGemini         = "ai.google.dev/gemini-api/docs/pricing, read for github.com/api-evangelist/deepmind"
	fromDeepSeek       = "api-docs.deepseek.com/quick_start/pricing; the peak price, twice that of other hours"
	fromLiteLLM        = "docs.litellm.ai/blog and BerriAI/litellm discussions, after OpenAI's announcement"
	fromModelsDev      = "github.com/anomalyco/models.dev"
	fromLaoZhang       = "docs.laozhang.ai/en/announcements: the rates of OpenAI's pricing page"
)

// dated are the names of models and of their dated snapshots: gpt-5 and
// gpt-5-2025-08-07, claude-opus-4-5 and claude-opus-4-5-20251101.
func dated(names ...string) []string {
	var all []string
	for _, name := range names {
		all = append(all, name, name+"-20*")
	}
	return all
}

// claudes are the names of a model and of its dated snapshots, with the name
// that OpenRouter gives it: claude-opus-4-5 and claude-opus-4.5.
func claudes(name string) []string {
	version := len(name) - len("4-5")
	if name[version-1] != '-' || name[version+1] != '-' {
		return dated(name)
	}
	return append(dated(name), name[:version+1]+"."+name[version+2:])
}

// above272K is the rule of OpenAI's model pages: more than 272,000 input tokens
// cost twice the input and one and a half times the output, all of them.
func above272K(p Price) []LongPrice {
	p.Input, p.CachedInput, p.CacheWrite, p.Output = 2*p.Input, 2*p.CachedInput, 2*p.CacheWrite, p.Output*3/2
	return []LongPrice{{Above: 272_000, Price: p}}
}

// Service tiers of OpenAI: batch and flex are half the price, fast mode, which
// answers call priority, is twice it, and for GPT-5.5 two and a half times.
var (
	openaiTiers = map[string]Factor{"batch": 0.5 * Times, "flex": 0.5 * Times, "priority": 2 * Times}
	gpt55Tiers  = map[string]Factor{"batch": 0.5 * Times, "flex": 0.5 * Times, "priority": 2.5 * Times}
	halfTiers   = map[string]Factor{"batch": 0.5 * Times, "flex": 0.5 * Times}
	batchTiers  = map[string]Factor{"batch": 0.5 * Times}
)

// gptLong is a row of an OpenAI model with a price for long inputs. Cache writes
// cost 1.25 times the input; those kept for 12 hours have a price of their own
// that was not found.
func gptLong(models []string, p Price, tiers map[string]Factor, asOf, source string) PriceRow {
	p.WebSearch = 0.01 * USD // the web_search tool, at $10 for 1,000 calls
	return PriceRow{Models: models, Price: p, Long: above272K(p), Tiers: tiers, AsOf: asOf, Source: source}
}

// gpt is a row of an OpenAI model without one. Searches of models that do not
// reason cost $10 or $25 for 1,000, by the version of the tool: the dearer.
func gpt(models []string, p Price, tiers map[string]Factor, asOf, source string) PriceRow {
	p.WebSearch = cmp.Or(p.WebSearch, 0.01*USD)
	return PriceRow{Models: models, Price: p, Tiers: tiers, AsOf: asOf, Source: source}
}

var openaiPrices = []PriceRow{
	gptLong(dated("gpt-6.1-sol"), Price{Input: 2 * USD, CachedInput: 0.10 * USD, CacheWrite: 2.50 * USD, Output: 10 * USD}, openaiTiers, "2026-10-13", fromLaoZhang),
	gptLong(dated("gpt-6.1-terra"), Price{Input: 1 * USD, CachedInput: 0.05 * USD, CacheWrite: 1.25 * USD, Output: 5 * USD}, openaiTiers, "2026-10-26", fromLiteLLM),
	gptLong(dated("gpt-6-astra"), Price{Input: 10 * USD, CachedInput: 1 * USD, CacheWrite: 12.50 * USD, Output: 50 * USD}, openaiTiers, "2026-09-13", fromOpenAIPricing),
	gptLong(dated("gpt-6-sol"), Price{Input: 2 * USD, CachedInput: 0.20 * USD, CacheWrite: 2.50 * USD, Output: 10 * USD}, openaiTiers, "2026-09-22", fromLiteLLM),
	gptLong(dated("gpt-6-luna"), Price{Input: 0.10 * USD, CachedInput: 0.01 * USD, CacheWrite: 0.125 * USD, Output: 0.50 * USD}, openaiTiers, "2026-09-22", fromLiteLLM),
	gptLong(dated("gpt-5.6", "gpt-5.6-sol"), Price{Input: 4 * USD, CachedInput: 0.40 * USD, CacheWrite: 5 * USD, Output: 20 * USD}, openaiTiers, "2026-09-13", fromOpenAIPricing), // a promotion, at least until 2026-11-21
	gptLong(dated("gpt-5.6-terra"), Price{Input: 2 * USD, CachedInput: 0.20 * USD, CacheWrite: 2.50 * USD, Output: 12 * USD}, openaiTiers, "2026-08-01", fromLaoZhang),
	gptLong(dated("gpt-5.6-luna"), Price{Input: 0.20 * USD, CachedInput: 0.02 * USD, CacheWrite: 0.25 * USD, Output: 1.20 * USD}, openaiTiers, "2026-08-01", fromLaoZhang),
	gptLong(dated("gpt-5.5"), Price{Input: 5 * USD, CachedInput: 0.50 * USD, Output: 30 * USD}, gpt55Tiers, "2026-11-21", fromModelsDev),
	gptLong(dated("gpt-5.5-pro"), Price{Input: 30 * USD, Output: 180 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gptLong(dated("gpt-5.4"), Price{Input: 2.50 * USD, CachedInput: 0.25 * USD, Output: 15 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5.4-mini"), Price{Input: 0.75 * USD, CachedInput: 0.075 * USD, Output: 4.50 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5.4-nano"), Price{Input: 0.20 * USD, CachedInput: 0.02 * USD, Output: 1.25 * USD}, halfTiers, "2026-05-04", "github.com/api-evangelist/openai, plans"),
	gpt(dated("gpt-5.2"), Price{Input: 1.75 * USD, CachedInput: 0.175 * USD, Output: 14 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5.1"), Price{Input: 1.25 * USD, CachedInput: 0.125 * USD, Output: 10 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5"), Price{Input: 1.25 * USD, CachedInput: 0.125 * USD, Output: 10 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5-mini"), Price{Input: 0.25 * USD, CachedInput: 0.025 * USD, Output: 2 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-5-nano"), Price{Input: 0.05 * USD, CachedInput: 0.005 * USD, Output: 0.40 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("o3"), Price{Input: 2 * USD, CachedInput: 0.50 * USD, Output: 8 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("o4-mini"), Price{Input: 1.10 * USD, CachedInput: 0.275 * USD, Output: 4.40 * USD}, halfTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-4.1"), Price{Input: 2 * USD, CachedInput: 0.50 * USD, Output: 8 * USD, WebSearch: 0.025 * USD}, batchTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-4.1-mini"), Price{Input: 0.40 * USD, CachedInput: 0.10 * USD, Output: 1.60 * USD, WebSearch: 0.025 * USD}, batchTiers, "2026-11-21", fromModelsDev),
	gpt(dated("gpt-4.1-nano"), Price{Input: 0.10 * USD, CachedInput: 0.025 * USD, Output: 0.40 * USD, WebSearch: 0.025 * USD}, batchTiers, "2025-06-03", "OpenAI's pricing page, read for hex.pm/packages/openai_responses 0.4.1"),
	gpt(dated("gpt-4o"), Price{Input: 2.50 * USD, CachedInput: 1.25 * USD, Output: 10 * USD, WebSearch: 0.025 * USD}, batchTiers, "2025-06-03", "OpenAI's pricing page, read for hex.pm/packages/openai_responses 0.4.1"),
	gpt([]string{"gpt-4o-2024-05-13"}, Price{Input: 5 * USD, Output: 15 * USD, WebSearch: 0.025 * USD}, batchTiers, "2025-06-03", "OpenAI's pricing page, read for hex.pm/packages/openai_responses 0.4.1"),
	gpt(dated("gpt-4o-mini"), Price{Input: 0.15 * USD, CachedInput: 0.075 * USD, Output: 0.60 * USD, WebSearch: 0.025 * USD}, batchTiers, "2026-11-21", fromModelsDev),

	// Embeddings, sound and pictures.
	{Models: []string{"text-embedding-3-large"}, Price: Price{Input: 0.13 * USD}, AsOf: "2026-11-21", Source: fromOpenAIModels},
	{Models: []string{"text-embedding-3-small"}, Price: Price{Input: 0.02 * USD}, AsOf: "2026-11-21", Source: fromOpenAIModels},
	{Models: []string{"gpt-4o-transcribe"}, Price: Price{Input: 2.50 * USD, Output: 10 * USD}, AsOf: "2026-11-21", Source: fromOpenAIModels},
	{Models: dated("gpt-4o-mini-transcribe"), Price: Price{Input: 1.25 * USD, Output: 5 * USD}, AsOf: "2026-11-21", Source: fromOpenAIModels},
	{Models: []string{"whisper-1"}, Price: Price{AudioHour: 60 * 0.006 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	// Cached pictures cost more than cached text, 2.00 and 1.25 or 0.25 and 0.20: the dearer.
	{Models: dated("gpt-image-2.6-sunburst"), Price: Price{Input: 5 * USD, CachedInput: 2 * USD, ImageInput: 8 * USD, Output: 30 * USD, Image: Free}, AsOf: "2026-11-21", Source: fromOpenAIModels},
	{Models: dated("gpt-image-1-mini"), Price: Price{Input: 2 * USD, CachedInput: 0.25 * USD, ImageInput: 2.50 * USD, Output: 8 * USD, Image: Free}, AsOf: "2026-11-21", Source: fromOpenAIModels},
}

// claude is a row of an Anthropic model: written to the cache for five minutes it
// is 1.25 times the input, for an hour twice it.
func claude(models []string, input, written5m, written1h, cached, output Rate, asOf, source string) PriceRow {
	return PriceRow{
		Models: models, Tiers: batchTiers, AsOf: asOf, Source: source,
		Price: Price{Input: input, CacheWrite: written5m, CacheWrite1h: written1h, CachedInput: cached, Output: output},
	}
}

var anthropicPrices = []PriceRow{
	//                                       input, written for 5 min,   for 1 h,     cached,      output
	claude(claudes("claude-fable-5-1"), 10*USD, 12.50*USD, 20*USD, 0.25*USD, 50*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-mythos-5-1"), 10*USD, 12.50*USD, 20*USD, 0.25*USD, 50*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-fable-5"), 10*USD, 12.50*USD, 20*USD, 1*USD, 50*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-mythos-5"), 10*USD, 12.50*USD, 20*USD, 1*USD, 50*USD, "2026-11-21", fromAnthropic),
	fastClaude(claude(claudes("claude-opus-5-5"), 4*USD, 5*USD, 8*USD, 0.20*USD, 20*USD, "2026-10-24", fromClaudit)),
	claude(claudes("claude-opus-5"), 5*USD, 6.25*USD, 10*USD, 0.50*USD, 25*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-opus-4-8"), 5*USD, 6.25*USD, 10*USD, 0.50*USD, 25*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-opus-4-7"), 5*USD, 6.25*USD, 10*USD, 0.50*USD, 25*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-opus-4-6"), 5*USD, 6.25*USD, 10*USD, 0.50*USD, 25*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-opus-4-5"), 5*USD, 6.25*USD, 10*USD, 0.50*USD, 25*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-opus-4-1"), 15*USD, 18.75*USD, 30*USD, 1.50*USD, 75*USD, "2026-11-21", fromAnthropic),
	claude(dated("claude-opus-4-0", "claude-opus-4"), 15*USD, 18.75*USD, 30*USD, 1.50*USD, 75*USD, "2026-11-21", fromAnthropic),
	claude(claudes("claude-sonnet-5-5"), 2*USD, 2.50*USD, 4*USD, 0.10*USD, 10*USD, "2026-10-24", fromClaudit),
	claude(claudes("claude-sonnet-5"), 2*USD, 2.50*USD, 4*USD, 0.20*USD, 10*USD, "2026-11-21", fromAnthropicModel),
	claude(claudes("claude-sonnet-4-6"), 3*USD, 3.75*USD, 6*USD, 0.30*USD, 15*USD, "2026-11-21", fromAnthropic),
	longClaude(claude(claudes("claude-sonnet-4-5"), 3*USD, 3.75*USD, 6*USD, 0.30*USD, 15*USD, "2026-11-21", fromAnthropic),
		200_000, 6*USD, 7.50*USD, 12*USD, 0.60*USD, 22.50*USD), // above the line: models.dev
	longClaude(claude(claudes("claude-haiku-5-5"), 0.10*USD, 0.125*USD, 0.20*USD, 0.01*USD, 0.50*USD, "2026-10-24", fromClaudit),
		100_000, 0.50*USD, 0.625*USD, 1*USD, 0.05*USD, 2.50*USD),
	claude(claudes("claude-haiku-4-5"), 1*USD, 1.25*USD, 2*USD, 0.10*USD, 5*USD, "2026-11-21", fromAnthropic),
	claude(append(dated("claude-3-5-haiku"), "claude-3.5-haiku"), 0.80*USD, 1*USD, 1.60*USD, 0.08*USD, 4*USD, "2026-11-21", fromAnthropic),
	claude(dated("claude-3-haiku"), 0.25*USD, 0.30*USD, 0.50*USD, 0.03*USD, 1.25*USD, "2026-11-21", fromAnthropic),
}

// fastClaude adds fast mode, which costs twice as much. Answers call it a speed
// and not a tier; a meter that notes it notes it as the tier "fast".
func fastClaude(r PriceRow) PriceRow {
	r.Tiers = map[string]Factor{"batch": 0.5 * Times, "fast": 2 * Times}
	return r
}

// longClaude adds the price of long inputs to a row.
func longClaude(r PriceRow, above int64, input, written5m, written1h, cached, output Rate) PriceRow {
	r.Long = []LongPrice{{Above: above, Price: claude(nil, input, written5m, written1h, cached, output, "", "").Price}}
	return r
}

// Searches of Gemini are paid by the request above some free ones a month or a
// day, which are not known here: the dearer reading.
var geminiPrices = []PriceRow{
	{Models: []string{"gemini-3.8-flash"}, Price: Price{Input: 0.75 * USD, CachedInput: 0.075 * USD, Output: 3.75 * USD, WebSearch: 0.014 * USD}, Tiers: batchTiers, AsOf: "2026-10-07", Source: fromGemini}, // until 2026-12-31, then twice that
	{Models: []string{"gemini-3.5-flash"}, Price: Price{Input: 1.50 * USD, CachedInput: 0.15 * USD, Output: 9 * USD, WebSearch: 0.014 * USD}, Tiers: batchTiers, AsOf: "2026-10-07", Source: fromGemini},
	{Models: []string{"gemini-3.5-flash-lite"}, Price: Price{Input: 0.30 * USD, Output: 2.50 * USD, WebSearch: 0.014 * USD}, Tiers: batchTiers, AsOf: "2026-10-07", Source: fromGemini},
	{
		Models: []string{"gemini-3.1-pro-preview", "gemini-3.1-pro-preview-customtools"},
		Price:  Price{Input: 2 * USD, CachedInput: 0.20 * USD, Output: 12 * USD, WebSearch: 0.014 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 4 * USD, CachedInput: 0.40 * USD, Output: 18 * USD}}},
		Tiers:  batchTiers, AsOf: "2026-10-07", Source: fromGemini,
	},
	{Models: []string{"gemini-3.1-flash-lite", "gemini-3.1-flash-lite-preview"}, Price: Price{Input: 0.25 * USD, CachedInput: 0.025 * USD, Output: 1.50 * USD, WebSearch: 0.014 * USD}, Tiers: batchTiers, AsOf: "2026-11-21", Source: fromModelsDev},
	{Models: []string{"gemini-3-pro-image", "gemini-3-pro-image-preview"}, Price: Price{Input: 2 * USD, Output: 120 * USD, Image: Free, WebSearch: 0.014 * USD}, Tiers: batchTiers, AsOf: "2026-11-21", Source: fromModelsDev},
	{
		Models: []string{"gemini-2.5-pro"},
		Price:  Price{Input: 1.25 * USD, CachedInput: 0.125 * USD, Output: 10 * USD, WebSearch: 0.035 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 2.50 * USD, CachedInput: 0.25 * USD, Output: 15 * USD}}},
		Tiers:  batchTiers, AsOf: "2026-11-21", Source: fromModelsDev,
	},
	{Models: []string{"gemini-2.5-flash"}, Price: Price{Input: 0.30 * USD, CachedInput: 0.03 * USD, AudioInput: 1 * USD, Output: 2.50 * USD, WebSearch: 0.035 * USD}, Tiers: batchTiers, AsOf: "2026-11-21", Source: fromModelsDev},
	{Models: []string{"gemini-2.5-flash-lite"}, Price: Price{Input: 0.10 * USD, CachedInput: 0.01 * USD, AudioInput: 0.30 * USD, Output: 0.40 * USD, WebSearch: 0.035 * USD}, Tiers: batchTiers, AsOf: "2026-11-21", Source: fromModelsDev},
	{Models: []string{"gemini-embedding-2"}, Price: Price{Input: 0.20 * USD}, AsOf: "2026-10-07", Source: fromGemini}, // of text
}

var xaiPrices = []PriceRow{
	{
		Models: []string{"grok-4.7"},
		Price:  Price{Input: 2 * USD, CachedInput: 0.50 * USD, Output: 6 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 4 * USD, CachedInput: 1 * USD, Output: 12 * USD}}},
		AsOf:   "2026-11-21", Source: "docs.x.ai/developers/pricing, read for " + fromModelsDev,
	},
	{
		Models: []string{"grok-4.6"},
		Price:  Price{Input: 2 * USD, CachedInput: 0.50 * USD, Output: 6 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 4 * USD, CachedInput: 1 * USD, Output: 12 * USD}}},
		Tiers:  map[string]Factor{"priority": 2 * Times},
		AsOf:   "2026-11-21", Source: "docs.x.ai/developers/pricing, read for " + fromModelsDev,
	},
	{
		Models: []string{"grok-4.5"},
		Price:  Price{Input: 2 * USD, CachedInput: 0.50 * USD, Output: 6 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 4 * USD, CachedInput: 1 * USD, Output: 12 * USD}}},
		AsOf:   "2026-11-21", Source: fromModelsDev,
	},
	{
		Models: []string{"grok-4.3"},
		Price:  Price{Input: 1.25 * USD, CachedInput: 0.20 * USD, Output: 2.50 * USD},
		Long:   []LongPrice{{Above: 200_000, Price: Price{Input: 2.50 * USD, CachedInput: 0.40 * USD, Output: 5 * USD}}},
		AsOf:   "2026-11-21", Source: fromModelsDev,
	},
}

// openModelPrices are for the places that sell these models themselves. Prices
// of Chinese vendors are those of their international platforms.
var openModelPrices = []PriceRow{
	{Provider: "deepseek*", Models: []string{"deepseek-flash", "deepseek-v4-flash", "deepseek-v4-flash-vision-exp"}, Price: Price{Input: 0.30 * USD, CachedInput: 0.006 * USD, Output: 1.20 * USD}, AsOf: "2026-10-27", Source: fromDeepSeek},
	{Provider: "deepseek*", Models: []string{"deepseek-v4-pro"}, Price: Price{Input: 1.32 * USD, CachedInput: 0.044 * USD, Output: 3.96 * USD}, AsOf: "2026-10-27", Source: fromDeepSeek},

	{Provider: "moonshot*", Models: []string{"kimi-k3"}, Price: Price{Input: 3 * USD, CachedInput: 0.30 * USD, Output: 15 * USD, WebSearch: 0.005 * USD}, AsOf: "2026-07-17", Source: "platform.kimi.ai/docs/pricing, read for " + fromModelsDev},
	{Provider: "moonshot*", Models: []string{"kimi-k2.6"}, Price: Price{Input: 0.95 * USD, CachedInput: 0.16 * USD, Output: 4 * USD, WebSearch: 0.005 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},

	{Provider: "zhipu*", Models: []string{"glm-5.1", "glm-5.2", "glm-5.3"}, Price: Price{Input: 1.40 * USD, CachedInput: 0.26 * USD, Output: 4.40 * USD}, AsOf: "2026-08-19", Source: "docs.z.ai/guides/overview/pricing, read for dev.to/owen_fox"},
	{Provider: "zhipu*", Models: []string{"glm-4.7"}, Price: Price{Input: 0.60 * USD, CachedInput: 0.11 * USD, Output: 2.20 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},

	{Provider: "minimax*", Models: []string{"MiniMax-M2.5"}, Price: Price{Input: 0.30 * USD, CachedInput: 0.03 * USD, CacheWrite: 0.375 * USD, Output: 1.20 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},

	{
		Provider: "dashscope*", Models: []string{"qwen3-max"},
		Price: Price{Input: 1.20 * USD, CachedInput: 0.24 * USD, CacheWrite: 1.50 * USD, Output: 6 * USD},
		Long: []LongPrice{
			{Above: 32_000, Price: Price{Input: 2.40 * USD, CachedInput: 0.48 * USD, CacheWrite: 3 * USD, Output: 12 * USD}},
			{Above: 128_000, Price: Price{Input: 3 * USD, CachedInput: 0.60 * USD, CacheWrite: 3.75 * USD, Output: 15 * USD}},
		},
		AsOf: "2026-11-21", Source: fromModelsDev,
	},
	{
		Provider: "dashscope*", Models: []string{"qwen-flash"},
		Price: Price{Input: 0.05 * USD, CachedInput: 0.01 * USD, CacheWrite: 0.063 * USD, Output: 0.40 * USD},
		Long:  []LongPrice{{Above: 256_000, Price: Price{Input: 0.25 * USD, CachedInput: 0.05 * USD, CacheWrite: 0.313 * USD, Output: 2 * USD}}},
		AsOf:  "2026-11-21", Source: fromModelsDev,
	},
	{
		Provider: "dashscope*", Models: []string{"qwen-plus"},
		Price: Price{Input: 0.40 * USD, CachedInput: 0.08 * USD, CacheWrite: 0.50 * USD, Output: 1.20 * USD, Reasoning: 4 * USD},
		Long:  []LongPrice{{Above: 256_000, Price: Price{Input: 1.20 * USD, CachedInput: 0.24 * USD, CacheWrite: 1.50 * USD, Output: 3.60 * USD, Reasoning: 12 * USD}}},
		AsOf:  "2026-11-21", Source: fromModelsDev,
	},

	{Provider: "mistral*", Models: []string{"mistral-large-4", "mistral-large-4-0"}, Price: Price{Input: 0.68 * USD, CachedInput: 0.07 * USD, Output: 2.09 * USD}, AsOf: "2026-10-06", Source: "docs.mistral.ai/models/mistral-large-4-0, read for " + fromModelsDev}, // half the list price while in preview
	{Provider: "mistral*", Models: []string{"mistral-large-2512"}, Price: Price{Input: 0.50 * USD, Output: 1.50 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "mistral*", Models: []string{"mistral-medium-3-5", "mistral-medium-2604"}, Price: Price{Input: 1.50 * USD, Output: 7.50 * USD}, AsOf: "2026-08-27", Source: "docs.mistral.ai/models, read for " + fromModelsDev},
	{Provider: "mistral*", Models: []string{"codestral-2508", "codestral-latest"}, Price: Price{Input: 0.30 * USD, CachedInput: 0.03 * USD, Output: 0.90 * USD}, AsOf: "2026-08-27", Source: "docs.mistral.ai/inference/pricing, read for " + fromModelsDev},

	{Provider: "groq*", Models: []string{"openai/gpt-oss-120b"}, Price: Price{Input: 0.15 * USD, CachedInput: 0.075 * USD, Output: 0.60 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "groq*", Models: []string{"openai/gpt-oss-20b"}, Price: Price{Input: 0.075 * USD, CachedInput: 0.0375 * USD, Output: 0.30 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "groq*", Models: []string{"qwen/qwen3.8-27b"}, Price: Price{Input: 0.80 * USD, CachedInput: 0.40 * USD, Output: 4 * USD}, AsOf: "2026-08-29", Source: "groq.com/pricing, read for " + fromModelsDev},

	{Provider: "cohere*", Models: []string{"command-a-03-2025"}, Price: Price{Input: 2.50 * USD, Output: 10 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "cohere*", Models: []string{"command-r-08-2024"}, Price: Price{Input: 0.15 * USD, Output: 0.60 * USD}, AsOf: "2026-11-21", Source: "developer.puter.com/tutorials/cohere-api-pricing, June 2026"},
	{Provider: "cohere*", Models: []string{"command-r7b-12-2024"}, Price: Price{Input: 0.0375 * USD, Output: 0.15 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "cohere*", Models: []string{"embed-v4.0"}, Price: Price{Input: 0.12 * USD, ImageInput: 0.47 * USD}, AsOf: "2026-11-21", Source: "developer.puter.com/tutorials/cohere-api-pricing, June 2026"},

	{Provider: "cerebras*", Models: []string{"qwen-3.8-27b"}, Price: Price{Input: 0.99 * USD, Output: 1.49 * USD}, AsOf: "2026-09-03", Source: "api.cerebras.ai/public/v1/models, read for " + fromModelsDev},
	{Provider: "cerebras*", Models: []string{"gpt-oss-120b"}, Price: Price{Input: 0.35 * USD, Output: 0.75 * USD}, AsOf: "2026-06-12", Source: "api.cerebras.ai/public/v1/models, read for docs.rs/harn-vm 0.8.113"},

	{Provider: "together*", Models: []string{"zai-org/GLM-5.3"}, Price: Price{Input: 1.40 * USD, CachedInput: 0.26 * USD, Output: 4.40 * USD}, AsOf: "2026-09-23", Source: "api.together.xyz/v1/models, read for " + fromModelsDev},
	{Provider: "together*", Models: []string{"deepseek-ai/DeepSeek-V4.1-Flash"}, Price: Price{Input: 0.30 * USD, CachedInput: 0.006 * USD, Output: 1.20 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
	{Provider: "together*", Models: []string{"meta-llama/Llama-3.3-70B-Instruct-Turbo"}, Price: Price{Input: 0.88 * USD, Output: 0.88 * USD}, AsOf: "2026-11-21", Source: fromModelsDev},
}
