package provider

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// apiProbes are the default probe of each API, and the one about a model.
var apiProbes = map[string]struct{ key, model string }{
	"openai":    {"openai key", "openai model"},
	"anthropic": {"anthropic key", "anthropic count tokens"},
	"gemini":    {"gemini key", "gemini model"},
}

// A probeDialect is a place whose probes are not those of its API.
type probeDialect struct {
	name   string   // of the provider, without what is neither letter nor digit
	hosts  []string // of the base, for a provider of another name
	probes []string // the default ones
}

var probeDialects = []probeDialect{
	{"deepseek", []string{"api.deepseek.com"}, []string{"deepseek balance"}},
	{"moonshot", []string{"api.moonshot.cn", "api.moonshot.ai"}, []string{"moonshot balance"}}, // its list answers 200 without money
	{"openrouter", []string{"openrouter.ai"}, []string{"openrouter key"}},
	{"vllm", nil, []string{"vllm health", "openai key"}},
	{"ollama", nil, []string{"ollama version"}},
	{"llamacpp", nil, []string{"llama.cpp health"}},
	{"lmstudio", nil, []string{"lm studio models"}},
	{"chatgpt", []string{"chatgpt.com"}, nil}, // nothing that is documented
	{"claudeai", []string{"claude.ai"}, nil},
}

// probeDialectOf finds the row of p by its vendor or its name, else by its host.
func probeDialectOf(p *Provider) *probeDialect {
	vendor, _, _ := strings.Cut(p.Vendor, "-") // without the region, or the protocol
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(cmp.Or(vendor, p.Name)))
	host := ""
	if b, err := p.base(); err == nil {
		host = b.host
	}
	for _, found := range [...]func(*probeDialect) bool{
		func(d *probeDialect) bool { return d.name == name },
		func(d *probeDialect) bool { return slices.Contains(d.hosts, host) },
	} {
		for i := range probeDialects {
			if found(&probeDialects[i]) {
				return &probeDialects[i]
			}
		}
	}
	return nil
}

// Probes returns the probes of p that are chosen by default: those of the
// provider of that name or host where it has its own, else that of its API.
// They use no tokens, and none is undocumented. Nil: none is known. The caller
// may change what it gets.
func Probes(p *Provider) []Probe {
	if d := probeDialectOf(p); d != nil {
		return named(d.probes...)
	}
	if p.API == nil || apiProbes[p.API.Name].key == "" {
		return nil
	}
	return named(apiProbes[p.API.Name].key)
}

// ModelProbe returns the probe that tells whether a credential may use a model
// at p. ok is false if none is known for p's API.
func ModelProbe(p *Provider, model string) (probe Probe, ok bool) {
	if p.API == nil || model == "" || apiProbes[p.API.Name].model == "" {
		return Probe{}, false
	}
	return named(apiProbes[p.API.Name].model)[0].ForModel(model), true
}

// ProbePresets returns every probe that comes with this package, the
// undocumented ones included, and those about a model without one. The caller
// may change what it gets.
func ProbePresets() []Probe {
	all := slices.Clone(probePresets)
	for i := range all {
		all[i] = all[i].clone()
	}
	return all
}

// LookupProbe returns the preset of that name: "claude plan usage".
func LookupProbe(name string) (Probe, bool) {
	i := slices.IndexFunc(probePresets, func(p Probe) bool { return p.Name == name })
	if i < 0 {
		return Probe{}, false
	}
	return probePresets[i].clone(), true
}

func named(names ...string) (probes []Probe) {
	for _, name := range names {
		p, ok := LookupProbe(name)
		if !ok {
			panic("provider: no probe is called " + name)
		}
		probes = append(probes, p)
	}
	return probes
}

func (p Probe) clone() Probe {
	p.Header, p.Rules, p.Proves = maps.Clone(p.Header), slices.Clone(p.Rules), slices.Clone(p.Proves)
	return p
}
