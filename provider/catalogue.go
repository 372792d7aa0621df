package provider

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Lookup returns a provider of the catalogue by its name, in whatever case:
// "deepseek". ok is false if there is none of that name; Names lists them. What
// it returns is the caller's own copy, to be changed or moved with At, which
// keeps the provider's way of erring and counting:
//
//	mine, _ := provider.Lookup("vllm")
//	mine = mine.At("gpu-1", "http://10.0.0.7:8000/v1")
//
// Its API is the same one for all that speak it, and is not to be changed. Its
// Operations are those that the provider is known to serve below BaseURL;
// append what else it serves.
//
// The name of a vendor alone is its first or mainland base; a suffix names
// another region (-intl, -us, -coding-intl) or another protocol at the same
// vendor (-anthropic, -openai). A key belongs to one region and one plan: at the
// sibling's base it is refused (provider-facts 9.1).
func Lookup(name string) (p *Provider, ok bool) {
	row, ok := catalogue[strings.ToLower(name)]
	if !ok {
		return nil, false
	}
	q := *row
	q.Operations = slices.Clone(row.Operations)
	return &q, true
}

// Names returns the names that Lookup knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(catalogue)) }

// catalogue has the providers by name, in lower case. It is not changed once
// made.
var catalogue = catalogueOf(
	[]*Provider{OpenAI, Anthropic, Gemini, geminiOpenAI},
	deepseekPlaces, moonshotPlaces, dashscopePlaces, zhipuPlaces, minimaxPlaces,
	mistralPlaces, groqPlaces, xaiPlaces, openrouterPlaces, togetherPlaces,
	cerebrasPlaces, coherePlaces, nvidiaPlaces, siliconflowPlaces, localPlaces,
)

func catalogueOf(lists ...[]*Provider) map[string]*Provider {
	all := make(map[string]*Provider)
	for _, p := range slices.Concat(lists...) {
		p = p.At(p.Name, p.BaseURL) // with its base parsed
		if err := p.Validate(); err != nil {
			panic("provider: catalogue: " + err.Error())
		}
		if all[p.Name] != nil {
			panic("provider: catalogue: two are named " + p.Name)
		}
		all[p.Name] = p
	}
	return all
}

// with returns the protocol of somebody who copies pr and differs in rules and
// texts: those are looked at before pr's rules and before the texts that mean
// the same everywhere.
func (pr *protocol) with(rules []rule, texts ...[]textRule) *protocol {
	q := *pr
	q.rules = slices.Concat(rules, pr.rules)
	q.texts = indexTexts(append(texts, commonTexts)...)
	return &q
}

// but returns a copy of pr with a change.
func (pr *protocol) but(change func(*protocol)) *protocol {
	q := *pr
	change(&q)
	return &q
}

// speaks completes a row of the catalogue: p speaks api in the way of pr.
func speaks(api *API, pr *protocol, p Provider) *Provider {
	p.API, p.Classify, p.NewMeter = api, pr.classify, pr.newMeter
	p.Vendor = p.Name
	p.StreamUsage = api == OpenAI.API && !tellsUsage[p.Name]
	return &p
}

// tellsUsage are the compatible places whose streams tell their usage unasked, or
// that know of no such question (provider-facts 9). The others follow OpenAI, which
// does not tell a stream's usage unless it is asked.
var tellsUsage = map[string]bool{
	"cohere": true, "groq": true, "mistral": true, "moonshot": true, "moonshot-intl": true, "openrouter": true,
}

// onlyMessages is what the vendors document of Anthropic's API at their bases:
// messages, and neither counting, models, batches nor files.
var onlyMessages = []OperationKind{OpMessages}

// headerReset is openaiReset for those whose rate limits say when they end in
// x-ratelimit-reset, without a remainder: in seconds, or as epoch milliseconds.
func headerReset(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
	t := openaiReset(v, p, h, now)
	if t.IsZero() && v.Class == ClassRateLimited {
		t = parseReset(h.Get("X-Ratelimit-Reset"), now)
	}
	return t
}
