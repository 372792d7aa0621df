package providertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Compatible is a fake of a provider that speaks OpenAI's chat in a dialect of
// its own: errors, rate limit headers, usage, signs of life and balance are as
// that provider has them. [Names] has the names, whose case does not matter; a
// region in a name ("-intl", "-cn", "-us", "-coding") changes nothing, since
// places of one provider speak alike.
// Compatible panics for a name that is not known, as a test with such a name
// cannot mean anything.
//
//	name         bad key      no money          too fast         at once too many  where usage stands        besides chat, embeddings, models
//	moonshot     401          429 by type       429              429               choices[0].usage, flat    /users/me/balance
//	deepseek     401          402               429              429               hit and miss tokens       /user/balance; keep-alives; reasoning_content
//	dashscope    401          400 Arrearage     429 by code      429 Throttling    plain                     –
//	zhipu        401 1000     429 1113          429 1303         429 1302          plain                     –
//	minimax      200 1004     200 1008          200 1002         200 1041          plain                     –
//	mistral      401 detail   402               429 1300         429 3505          in the chunk that ends    headers by the minute
//	groq         401          403               429              498               x_groq.usage              headers: requests by the day
//	xai          400          403               429              429               without the reasoning     responses
//	openrouter   401          402               429 epoch ms     402, Retry-After  plain, and cost           /key; responses; comments
//	together     401          402               429 in seconds   429 error_type    plain                     –
//	cerebras     401          402               429              429 queue         plain                     headers on good answers only
//	cohere       401          402               429              429               in the chunk that ends    –
//	nvidia       401          402               429              429               plain                     –
//	vllm         401 if keyed –                 429              429               plain                     /health
//	ollama       401 if keyed –                 429              503               plain; eval_count         native /api/…, NDJSON
//	lmstudio     401 if keyed –                 429              429               plain                     –
//	siliconflow  401 text     403              429               429               plain                     –
//	llamacpp     401 if keyed –                429               429               plain                     /health; completions
//	litellm      401 if keyed –                429               429               plain                     /health/liveliness; responses
//	gemini-openai  400        402               429              429               plain                     errors in an array
//
// Calls are recognised by how their path ends, below any prefix: each provider
// has another. Local servers (vllm, ollama, lmstudio,
// llamacpp, litellm) take calls without a
// credential unless [Config].Keys says which ones there are.
//
// DeepSeek, Moonshot, DashScope, Zhipu and MiniMax speak Anthropic's messages
// as well: "deepseek-anthropic" and so on. They have Anthropic's format, their
// own statuses and words, and none of Anthropic's headers; the balance of the
// account is where it is at their own host. The names openai, anthropic and
// gemini are those of [OpenAI], [Anthropic] and [Gemini].
//
// A fault that a provider has no error of its own for is told in its envelope
// with the status that is usual elsewhere. Where the facts quote no body, the
// words and codes are this package's.
func Compatible(name string, c Config) *Fake {
	d, ok := dialects[plainName(strings.ToLower(name))]
	if !ok {
		panic(fmt.Sprintf("providertest: no provider %q is known; there are: %s", name, strings.Join(Names(), ", ")))
	}
	return newFake(d, c)
}

// Names are the providers that [Compatible] knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(dialects)) }

// plainName is a name without its region.
func plainName(name string) string {
	base, twin := strings.CutSuffix(name, twinSuffix)
	for _, region := range []string{"-intl", "-cn", "-us", "-coding"} {
		base = strings.TrimSuffix(base, region)
	}
	if twin {
		return base + twinSuffix
	}
	return base
}

// dialects are all that are known, by name, twins included.
var dialects = func() map[string]protocol {
	all := map[string]protocol{"openai": openAI{}, "anthropic": anthropic{}, "gemini": gemini{}}
	for _, d := range slices.Concat(eastern, western, local) {
		all[d.id] = d
		if d.twin {
			all[d.id+twinSuffix] = twin{of: d}
		}
	}
	return all
}()
