package provider

import (
	"time"
)

// Usage is what an answer says it used, in the same terms for every API. A
// provider's own arithmetic is undone: Anthropic's cached tokens are added to
// its input, Gemini's thoughts to its output, and where a total is larger than
// the sum of its parts (xAI leaves the reasoning out of the output) the
// difference is output, except for embeddings, which have none. No number is
// negative, and no part is larger than its whole.
type Usage struct {
	Input        int64 `json:"input"`                  // all of the input, what came from or went to a cache included
	CachedInput  int64 `json:"cachedInput,omitempty"`  // the part of Input that was read from a cache
	CacheWrite   int64 `json:"cacheWrite,omitempty"`   // the part of Input that was written to a cache
	CacheWrite1h int64 `json:"cacheWrite1h,omitempty"` // the part of CacheWrite that is kept for an hour or longer
	AudioInput   int64 `json:"audioInput,omitempty"`   // the part of Input that was sound
	ImageInput   int64 `json:"imageInput,omitempty"`   // the part of Input that was pictures
	Output       int64 `json:"output"`                 // all of the output, reasoning included
	Reasoning    int64 `json:"reasoning,omitempty"`    // the part of Output that was reasoning
	AudioOutput  int64 `json:"audioOutput,omitempty"`  // the part of Output that was sound
	ImageOutput  int64 `json:"imageOutput,omitempty"`  // the part of Output that was pictures

	// What is paid by the piece and not, or not only, by the token.
	Images      int64         `json:"images,omitempty"`      // pictures made
	Audio       time.Duration `json:"audioNs,omitempty"`     // sound transcribed, where the answer counts by time; in JSON in nanoseconds
	WebSearches int64         `json:"webSearches,omitempty"` // searches and fetches that the provider made

	// Tier is the service tier that answered, as the provider calls it; empty:
	// it did not say.
	Tier string `json:"tier,omitempty"`

	// Model is the model that says it answered; empty: it did not say.
	Model string `json:"model,omitempty"`

	// Complete says that the numbers are final: the answer came to the end
	// that its API gives it and reported its usage, or was of a kind that uses
	// none (counting, listing, and moderation, whose usage counts if a provider
	// reports one). False: the stream was cut, or no usage was reported; the
	// numbers are then what was seen so far.
	Complete bool `json:"complete"`
}

// Total returns Input + Output.
func (u Usage) Total() int64 { return u.Input + u.Output }

// A tally is what a meter has learnt so far. It is a value: a copy can go on
// by itself.
type tally struct {
	usage    Usage // without Complete
	reported bool  // usage was seen
	ended    bool  // the API's end was seen
	content  bool  // content was seen, or the end without any
	failed   bool
	failure  Verdict

	compacted  bool
	compaction Usage  // Anthropic: what usage leaves out
	last       []byte // Gemini: the last usageMetadata and what follows it, not yet read

	op       Operation
	protocol *protocol
	nameless int     // Gemini: events so far without the model
	lines    bool    // the body is one JSON value after the other
	checked  bool    // the document is known to be JSON
	plain    *sample // of the events seen; it only saves time; nil: none
}

// result returns the usage as it stands.
func (t *tally) result() Usage {
	t.readLast()
	u := t.usage
	if t.compacted {
		u.add(&t.compaction)
	}
	u.bound()
	u.Complete = t.ended && (t.reported || t.op.Kind == OpModeration) || t.op.Kind.Free()
	return u
}

// add adds the numbers of tokens in v.
func (u *Usage) add(v *Usage) {
	u.Input = sum(u.Input, v.Input)
	u.CachedInput = sum(u.CachedInput, v.CachedInput)
	u.CacheWrite = sum(u.CacheWrite, v.CacheWrite)
	u.CacheWrite1h = sum(u.CacheWrite1h, v.CacheWrite1h)
	u.Output = sum(u.Output, v.Output)
	u.Reasoning = sum(u.Reasoning, v.Reasoning)
}

// bound sees to it that no part is larger than its whole.
func (u *Usage) bound() {
	u.CachedInput = min(u.CachedInput, u.Input)
	u.CacheWrite = min(u.CacheWrite, u.Input)
	u.CacheWrite1h = min(u.CacheWrite1h, u.CacheWrite)
	u.AudioInput = min(u.AudioInput, u.Input)
	u.ImageInput = min(u.ImageInput, u.Input)
	u.Reasoning = min(u.Reasoning, u.Output)
	u.AudioOutput = min(u.AudioOutput, u.Output)
	u.ImageOutput = min(u.ImageOutput, u.Output)
}

// end notes that the API's end was seen. What failed does not come to its end,
// unless it is the content that was refused.
func (t *tally) end() {
	if !t.failed || t.failure.Class == ClassContentPolicy {
		t.ended, t.content = true, true
	}
}

// maxCount is the largest number of tokens believed, the largest integer that
// JSON numbers are sure to hold; sums of a few stay within an int64.
const maxCount = 1 << 53

// count reads a number of tokens, however it is written.
func count(v node) int64 {
	f := v.float()
	switch {
	case !(f > 0): // NaN too
		return 0
	case f >= maxCount:
		return maxCount
	}
	return int64(f)
}

// sum adds two numbers, of which any may be as large as is believed.
func sum(a, b int64) int64 { return min(a+b, maxCount) }

// seconds reads a length of time, with its fraction, up to some 270 years.
func seconds(v node) time.Duration {
	f := v.float()
	if !(f > 0) { // NaN too
		return 0
	}
	return time.Duration(min(f, maxSeconds) * float64(time.Second))
}

const maxSeconds = 1 << 33

// setModel notes the model that answered.
func (t *tally) setModel(v node) {
	setWord(&t.usage.Model, v, maxModel, t.op.Model)
}

// setTier notes the service tier that answered.
func (t *tally) setTier(v node) {
	setWord(&t.usage.Tier, v, maxTier, "default", "standard", "priority", "flex", "batch", "on_demand", "ON_DEMAND")
}

const maxTier = 64

// setWord sets word to the text of v, if that is a string that is neither empty nor
// too long. It makes no copy of one that is likely.
func setWord(word *string, v node, limit int, likely ...string) {
	text := v.plain()
	if len(text) == 0 || len(text) > limit || string(text) == *word {
		return
	}
	for _, s := range likely {
		if string(text) == s {
			*word = s
			return
		}
	}
	*word = string(text)
}

// set replaces the numbers of tokens and keeps the rest.
func (t *tally) set(u Usage) {
	u.Model, u.Tier = t.usage.Model, t.usage.Tier
	u.Images, u.Audio, u.WebSearches = t.usage.Images, t.usage.Audio, t.usage.WebSearches
	t.usage = u
	t.reported = true
}

func orElse[T int64 | time.Duration](n, old T) T {
	if n == 0 {
		return old
	}
	return n
}
