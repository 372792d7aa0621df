package providertest

import "slices"

// Config says what a [Fake] knows and what it says. The zero Config is a fake
// that takes any credential and any model. The constructors copy it.
type Config struct {
	// Keys are the credentials that are accepted. Others get the provider's own
	// 401 (Gemini: 400 with API_KEY_INVALID). nil: any credential, but a call
	// without one is refused.
	Keys []string

	// Models are the models that are served and listed. Others get the
	// provider's own 404. nil: any model; two are listed.
	Models []string

	// Text is what the model says, whatever it was asked. A stream says it in
	// several events. "": "Hello from <Name>."
	Text string

	// Name stands in the text and in the ids of answers, so that a test sees
	// which fake answered. "": openai, anthropic or gemini.
	Name string

	// InputTokens is the usage reported for the prompt, cached tokens included;
	// each provider reports it in its own way (Anthropic's input_tokens are
	// without the cached ones). 0: 11
	InputTokens int64

	// OutputTokens is the usage reported for the answer. 0: 7
	OutputTokens int64

	// CachedTokens is how many of the InputTokens were read from a cache. 0: none
	CachedTokens int64

	// ReasoningTokens is how many of the OutputTokens went into thinking; Gemini
	// tells them apart from the others. 0: none
	ReasoningTokens int64

	// Script has the answers for the next calls, whoever calls. When it is used
	// up, calls are answered normally.
	Script []Step
}

// withDefaults is a copy in which every zero has become what it stands for.
func (c Config) withDefaults(p protocol) Config {
	c.Keys, c.Models, c.Script = slices.Clone(c.Keys), slices.Clone(c.Models), slices.Clone(c.Script)
	if c.Name == "" {
		c.Name = p.name()
	}
	if c.Text == "" {
		c.Text = "Hello from " + c.Name + "."
	}
	if c.InputTokens == 0 {
		c.InputTokens = 11
	}
	if c.OutputTokens == 0 {
		c.OutputTokens = 7
	}
	c.CachedTokens = min(c.CachedTokens, c.InputTokens)
	c.ReasoningTokens = min(c.ReasoningTokens, c.OutputTokens)
	return c
}

// accepts tells whether a credential opens this fake.
func (c *Config) accepts(key string) bool {
	return c.Keys == nil || slices.Contains(c.Keys, key)
}

// serves tells whether a model is served here.
func (c *Config) serves(model string) bool {
	return c.Models == nil || slices.Contains(c.Models, model)
}

// catalogue is the list of models to show.
func (c *Config) catalogue(usual ...string) []string {
	if c.Models != nil {
		return c.Models
	}
	return usual
}
