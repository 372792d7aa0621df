package providertest

import (
	"slices"
	"time"
)

// wire is how a step's answer is put on the wire, whatever it says.
type wire struct {
	lines Lines

	byByte  bool // one byte a write
	byteGap time.Duration

	before, between int // signs of life
	aliveGap        time.Duration

	endless    bool
	endlessGap time.Duration

	edits   []headerEdit
	retry   retryHint
	left    left
	in200   bool
	filler  int // bytes
	telling telling
}

// headerEdit sets a header; an empty value removes it.
type headerEdit struct{ name, value string }

// left is what the rate limit of a good answer says.
type left struct {
	requests, tokens int
	reset            time.Duration
	known            bool
}

// telling is where a stream tells its usage.
type telling uint8

const (
	tellUsual telling = iota
	tellNever
	tellEach
)

// ByteByByte is the same step with its body written a byte at a time: each byte
// is flushed, and each but the first has a wait of gap before it. It holds for
// streams, for answers in one piece and for errors.
func (s Step) ByteByByte(gap time.Duration) Step {
	s.wire.byByte, s.wire.byteGap = true, max(gap, 0)
	return s.good()
}

// KeepAlive is the same step with signs of life in it: before events ahead of a
// stream's first event, and between events ahead of each later one, each with a
// wait of gap after it. They are the provider's own where it has one (Anthropic
// an event ping, OpenRouter the comment ": OPENROUTER PROCESSING"), else the
// comment ": keep-alive", and in a stream that is no server-sent one a line
// end. Ahead of an answer in one piece, good or an error, DeepSeek's chat has
// as many empty lines as a stream has signs before its first event; all others
// are silent for as long.
func (s Step) KeepAlive(before, between int, gap time.Duration) Step {
	s.wire.before, s.wire.between, s.wire.aliveGap = max(before, 0), max(between, 0), max(gap, 0)
	return s.good()
}

// Endless is the same step whose answer never ends: after its body come spaces,
// and after a stream's last event signs of life, each after a wait of gap,
// until the client leaves; a stream of [EndStream] goes on so, too, and what
// [CutStream] cuts has ended. A gap of 0 is a flood, as fast as it is read;
// behind a recorder, which never leaves, it needs a context that ends. The call
// ends by panic(http.ErrAbortHandler).
func (s Step) Endless(gap time.Duration) Step {
	s.wire.endless, s.wire.endlessGap = true, max(gap, 0)
	return s.good()
}

// Header is the same step with one header of its answer set, or removed if the
// value is "". Content-Type is one of them: a stream that calls itself
// application/json, an error that calls itself text/event-stream. The headers
// that are set last hold.
func (s Step) Header(name, value string) Step {
	s.wire.edits = append(slices.Clip(s.wire.edits), headerEdit{name, value})
	return s.good()
}

// Remaining is the same step whose good answer says how many requests and
// tokens are left, and in how long all are back, in the headers of the
// provider. Providers without such headers say nothing, and Mistral no time.
func (s Step) Remaining(requests, tokens int, reset time.Duration) Step {
	s.wire.left = left{requests: requests, tokens: tokens, reset: max(reset, 0), known: true}
	return s.good()
}

// BigEvent is the same step with at least n bytes in one event, if the stream
// gets that far: of the Responses API the instructions that response.created,
// response.in_progress and response.completed echo, of images the picture and
// each sketch of it, of speech the sound, of the others one long piece of text.
// Of a call that is not streamed the answer is that large; so is an error, by
// its words. JSON in which nothing can be long (vectors, counts, lists,
// moderations) has blanks after its first brace. What was kept (the content of
// a file, the results of a batch), what a health check says, and a [Status] are
// as ever.
func (s Step) BigEvent(n int) Step {
	s.wire.filler = max(n, 0)
	return s.good()
}

// NoUsage is the same step with no usage in its answer, streamed or not. What
// the model says stays, a tool's argument with the name usage too.
func (s Step) NoUsage() Step {
	s.wire.telling = tellNever
	return s.good()
}

// UsageOnEach is the same step whose chat tells the usage so far on each chunk
// of its stream, whether it was asked for or not, as vLLM does with
// continuous_usage_stats. The other APIs have their own ways and keep them.
func (s Step) UsageOnEach() Step {
	s.wire.telling = tellEach
	return s.good()
}

// In200 is the same error told in an answer with status 200: OpenRouter in
// choices[0].error, the Responses API in a response that failed, all others as
// the body of the error. It is JSON also where a stream was asked for; see
// [FailInStream] for those. A step that is no error is as it was.
func (s Step) In200() Step {
	s.wire.in200 = true
	return s.good()
}

// good makes the zero step a normal answer, so that it is taken.
func (s Step) good() Step {
	if s.kind == kindNone {
		s.kind = kindOK
	}
	return s
}
