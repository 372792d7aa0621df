package provider

import (
	"time"

	"github.com/tidwall/gjson"
)

// Usage is what an answer says it used, in the same terms for every API. A
// provider's own arithmetic is undone: Anthropic's cached tokens are added to
// its input, Gemini's thoughts to its output, and where a total is larger than
// the sum of its parts (xAI leaves the reasoning out of the output) the
// difference is output. No number is negative.
type Usage struct {
	Input        int64 // all of the input, what came from or went to a cache included
	CachedInput  int64 // the part of Input that was read from a cache
	CacheWrite   int64 // the part of Input that was written to a cache
	CacheWrite1h int64 // the part of CacheWrite that is kept for an hour or longer
	AudioInput   int64 // the part of Input that was sound
	ImageInput   int64 // the part of Input that was pictures
	Output       int64 // all of the output, reasoning included
	Reasoning    int64 // the part of Output that was reasoning
	AudioOutput  int64 // the part of Output that was sound
	ImageOutput  int64 // the part of Output that was pictures

	// What is paid by the piece and not, or not only, by the token.
	Images      int64         // pictures made
	Audio       time.Duration // sound transcribed, where the answer counts by time
	WebSearches int64         // searches and fetches that the provider made

	// Tier is the service tier that answered, as the provider calls it; empty:
	// it did not say.
	Tier string

	// Model is the model that says it answered; empty: it did not say.
	Model string

	// Complete says that the numbers are final: the answer came to the end
	// that its API gives it and reported its usage, or was of a kind that uses
	// none (counting, listing). False: the stream was cut, or no usage was
	// reported; the numbers are then what was seen so far.
	Complete bool
}

// Total returns Input + Output.
func (u Usage) Total() int64 { return u.Input + u.Output }

// A tally is what a meter has learnt so far. It is a value: a copy can go on
// by itself.
type tally struct {
	usage    Usage // without Complete
	reported bool  // usage was seen
	ended    bool  // the API's end was seen
	failed   bool
	failure  Verdict

	last []byte // Gemini: the last usageMetadata, not yet read

	op       Operation
	protocol *protocol
}

// result returns the usage as it stands.
func (t *tally) result() Usage {
	t.readLast()
	u := t.usage
	u.Complete = t.ended && t.reported || t.op.Kind.free()
	return u
}

// maxCount is the largest number of tokens believed, the largest integer that
// JSON numbers are sure to hold; sums of a few stay within an int64.
const maxCount = 1 << 53

// count reads a number of tokens, however it is written.
func count(v gjson.Result) int64 {
	f := v.Float()
	switch {
	case !(f > 0): // NaN too
		return 0
	case f >= maxCount:
		return maxCount
	}
	return int64(f)
}

// setModel notes the model that answered.
func (t *tally) setModel(v gjson.Result) {
	if v.Type == gjson.String && v.Str != "" && len(v.Str) <= maxModel {
		t.usage.Model = v.Str
	}
}

// set replaces the numbers and keeps the model.
func (t *tally) set(u Usage) {
	u.Model = t.usage.Model
	t.usage = u
	t.reported = true
}

// openaiUsage reads the usage object of OpenAI and those who copy it
// (provider-facts 3.4): chat and embeddings say prompt and completion, the
// others input and output. It may come more than once; the last one counts.
func (t *tally) openaiUsage(o gjson.Result) {
	if o.Get("type").Str == "duration" { // transcription paid by the second
		return
	}
	var u Usage
	var total int64
	o.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "prompt_tokens", "input_tokens":
			u.Input = max(u.Input, count(v))
		case "completion_tokens", "output_tokens":
			u.Output = max(u.Output, count(v))
		case "total_tokens":
			total = count(v)
		case "cached_tokens", "prompt_cache_hit_tokens": // Moonshot, DeepSeek
			u.CachedInput = max(u.CachedInput, count(v))
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			u.CachedInput = max(u.CachedInput, count(v.Get("cached_tokens")))
			u.CacheWrite = max(u.CacheWrite, count(v.Get("cache_write_tokens")))
		case "completion_tokens_details", "output_tokens_details":
			u.Reasoning = max(u.Reasoning, count(v.Get("reasoning_tokens")))
		}
		return true
	})
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.set(u)
}

// anthropicUsage reads a usage object of Anthropic (provider-facts 4.5). In a
// stream it comes again and again, cumulative and with gaps: null, a missing
// member or a 0 says nothing about the input.
func (t *tally) anthropicUsage(o gjson.Result) {
	u := t.usage
	plain := u.Input - u.CachedInput - u.CacheWrite
	o.ForEach(func(key, v gjson.Result) bool {
		if v.Type == gjson.Null {
			return true
		}
		n := count(v)
		switch key.Str {
		case "input_tokens":
			plain = orElse(n, plain)
		case "cache_read_input_tokens":
			u.CachedInput = orElse(n, u.CachedInput)
		case "cache_creation_input_tokens":
			u.CacheWrite = orElse(n, u.CacheWrite)
		case "output_tokens":
			u.Output = n
		case "output_tokens_details":
			u.Reasoning = orElse(count(v.Get("thinking_tokens")), u.Reasoning)
		}
		return true
	})
	u.Input = plain + u.CachedInput + u.CacheWrite
	t.set(u)
}

func orElse(n, old int64) int64 {
	if n == 0 {
		return old
	}
	return n
}

// geminiUsage reads usageMetadata (provider-facts 5.3): cumulative, so the
// last one counts.
func (t *tally) geminiUsage(o gjson.Result) {
	var u Usage
	var total int64
	o.ForEach(func(key, v gjson.Result) bool {
		n := count(v)
		switch key.Str {
		case "promptTokenCount", "toolUsePromptTokenCount":
			u.Input += n
		case "cachedContentTokenCount":
			u.CachedInput = n
		case "candidatesTokenCount":
			u.Output += n
		case "thoughtsTokenCount":
			u.Output += n
			u.Reasoning = n
		case "totalTokenCount":
			total = n
		}
		return true
	})
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.set(u)
}
