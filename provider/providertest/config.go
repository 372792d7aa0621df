package providertest

import (
	"slices"
	"time"
)

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

	// CacheWriteTokens is how many of the InputTokens were written to a cache;
	// Gemini does not tell. 0: none
	CacheWriteTokens int64

	// ReasoningTokens is how many of the OutputTokens went into thinking; Gemini
	// tells them apart from the others. 0: none
	ReasoningTokens int64

	// Reasoning is what the model thinks before it speaks, where an API is known
	// to show it: thinking blocks of Anthropic's, thoughts of Gemini's, reasoning
	// summaries of the Responses API, reasoning_content of DeepSeek's chat,
	// thinking of Ollama's own API. "": nothing
	Reasoning string

	// ToolCall is a tool that the model calls after its text, where an API has
	// tools: not in the old completions, nor in Ollama's /api/generate. The zero
	// value: none
	ToolCall ToolCall

	// AudioTime is how long the sound is that calls send, where an answer counts
	// it: transcriptions by models that begin with whisper. 0: 3s
	AudioTime time.Duration

	// WorkTime is how long batches, fine-tuning jobs and responses in the
	// background take. 0: only the answer to the call that starts one shows it
	// unfinished.
	WorkTime time.Duration

	// Script has the answers for the next calls, whoever calls. When it is used
	// up, calls are answered normally.
	Script []Step
}

// ToolCall is a call of a tool by the model.
type ToolCall struct {
	Name      string // "": there is none
	Arguments string // a JSON object; "": {}
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
	c.CacheWriteTokens = min(c.CacheWriteTokens, c.InputTokens-c.CachedTokens)
	c.ReasoningTokens = min(c.ReasoningTokens, c.OutputTokens)
	if c.AudioTime == 0 {
		c.AudioTime = 3 * time.Second
	}
	if c.ToolCall.Arguments == "" {
		c.ToolCall.Arguments = "{}"
	}
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
