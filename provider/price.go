package provider

import (
	"cmp"
	"time"
)

// Amounts of money are nano-USD, as an int64: USD of them are a dollar, and the
// largest is some nine billion dollars, which stands for "too much". A [Rate]
// says what a million tokens cost, in the unit in which vendors print their
// prices, so that no price is rounded when it is written down:
//
//	provider.Price{Input: 1.25 * provider.USD, CachedInput: 0.125 * provider.USD, Output: 10 * provider.USD}

// USD is a dollar in nano-USD. It is an untyped constant, so that 0.075 * USD
// is an exact Rate, and one that nano-USD cannot say does not compile.
const USD = 1_000_000_000

// A Rate is nano-USD for a million tokens, or for whatever the field counts.
// The zero Rate is one that is not said, and is never taken for nothing: what
// costs nothing is Free. A Rate is at most a million dollars.
//
// In JSON a rate is a number of dollars with at most nine decimals; 0 is Free,
// and what is not said is left out.
type Rate int64

// Free is the Rate of what costs nothing.
const Free Rate = -1

const maxRate Rate = 1_000_000 * USD

// A Factor multiplies a price. It is counted in millionths: write 0.5 * Times.
// In JSON it is a number with at most six decimals.
type Factor int64

// Times is the Factor that changes nothing, as an untyped constant.
const Times = 1_000_000

const maxFactor Factor = 1000 * Times

// Of returns f times nano, rounded up to the next nano-USD; what is too large
// for an int64 is the largest int64. What is negative counts as 0.
func (f Factor) Of(nano int64) int64 {
	var s wide
	s.add(positive(nano), positive(int64(f)), 1)
	return s.over(Times)
}

// A Price is what one model costs. A rate that is not said is that of the
// nearest thing that is: the comments name it. Where that is not said either,
// or none is named, usage of that kind has no known price.
type Price struct {
	// For a million tokens. Each token is charged once: those read from or
	// written to a cache and those that are sound or pictures are not charged as
	// Input too, and likewise for the output.
	Input        Rate `json:"input,omitzero"`
	CachedInput  Rate `json:"cachedInput,omitzero"`  // read from a cache; not said: Input
	CacheWrite   Rate `json:"cacheWrite,omitzero"`   // written to a cache, for minutes; not said: Input
	CacheWrite1h Rate `json:"cacheWrite1h,omitzero"` // written to a cache, for an hour or longer; not said: CacheWrite
	AudioInput   Rate `json:"audioInput,omitzero"`   // not said: Input
	ImageInput   Rate `json:"imageInput,omitzero"`   // not said: Input
	Output       Rate `json:"output,omitzero"`
	Reasoning    Rate `json:"reasoning,omitzero"`   // not said: Output
	AudioOutput  Rate `json:"audioOutput,omitzero"` // not said: Output
	ImageOutput  Rate `json:"imageOutput,omitzero"` // not said: Output

	// By the piece. A model whose pictures are paid by the token has Image: Free.
	Image     Rate `json:"image,omitzero"`     // for a picture made
	AudioHour Rate `json:"audioHour,omitzero"` // for an hour of sound: 60 times the price of a minute
	WebSearch Rate `json:"webSearch,omitzero"` // for one search or fetch
}

// A LongPrice is what requests with a long input cost: the whole request, not
// only the tokens above the line.
type LongPrice struct {
	// Above is the length: the price holds where Usage.Input, with what was read
	// from and written to a cache, is larger.
	Above int64 `json:"above"`

	// Price stands by itself for tokens: its own rates stand for those it does
	// not say. What is paid by the piece and not said here is as in the row.
	Price
}

// A PriceRow is the price of one or a few models at one place, or at any.
type PriceRow struct {
	// Provider is the name of a Provider, or a pattern: a name with one * in it
	// that stands for any text. Empty: any provider, as *.
	Provider string `json:"provider,omitempty"`

	// Models are names and patterns of models, as Provider is; at least one.
	Models []string `json:"models"`

	Price

	// Long are other prices for long inputs, the shortest first; nil: none.
	Long []LongPrice `json:"long,omitempty"`

	// Tiers are what service tiers multiply the rates for tokens by; pieces cost
	// the same in each. They are called as Usage.Tier calls them, in whatever
	// case. An answer that names no tier, or one that means the ordinary one
	// (default, standard, auto, on_demand), costs what the row says; in any other
	// tier its price is not known.
	Tiers map[string]Factor `json:"tiers,omitempty"`

	AsOf   string `json:"asOf,omitempty"`   // the day the price was seen: 2006-01-02
	Source string `json:"source,omitempty"` // and where
}

// ordinaryTiers are the names under which providers report that nothing special
// was asked for: OpenAI, Anthropic, OpenAI's request value, Groq.
var ordinaryTiers = [...]string{"", "default", "standard", "auto", "on_demand"}

// resolved is the price with the rates that stand for those not said.
func (p Price) resolved() Price {
	p.CachedInput = cmp.Or(p.CachedInput, p.Input)
	p.CacheWrite = cmp.Or(p.CacheWrite, p.Input)
	p.CacheWrite1h = cmp.Or(p.CacheWrite1h, p.CacheWrite)
	p.AudioInput = cmp.Or(p.AudioInput, p.Input)
	p.ImageInput = cmp.Or(p.ImageInput, p.Input)
	p.Reasoning = cmp.Or(p.Reasoning, p.Output)
	p.AudioOutput = cmp.Or(p.AudioOutput, p.Output)
	p.ImageOutput = cmp.Or(p.ImageOutput, p.Output)
	return p
}

// cost is what the usage costs at a resolved price. It is not known where
// something was used that has no rate.
func (p *Price) cost(u *Usage, tier Factor) (nano int64, ok bool) {
	bill := bill{tokens: positive(int64(tier)) * perToken, known: true}

	// A part is never larger than the whole; where an answer says so all the
	// same, the part was used.
	cached, long := positive(u.CachedInput), positive(u.CacheWrite1h)
	write := max(positive(u.CacheWrite), long)
	audio, image := positive(u.AudioInput), positive(u.ImageInput)
	rest := max(positive(u.Input), cached+write, audio+image) - cached - write
	bill.add(cached, p.CachedInput)
	bill.add(write-long, p.CacheWrite)
	bill.add(long, p.CacheWrite1h)
	// Which of the cached tokens were sound or pictures nobody says: as many as
	// can be are taken to be new, the dearer reading.
	rest -= bill.part(audio, rest, p.AudioInput)
	rest -= bill.part(image, rest, p.ImageInput)
	bill.add(rest, p.Input)

	audio, image = positive(u.AudioOutput), positive(u.ImageOutput)
	reasoning := positive(u.Reasoning)
	rest = max(positive(u.Output), reasoning, audio+image)
	rest -= bill.part(audio, rest, p.AudioOutput)
	rest -= bill.part(image, rest, p.ImageOutput)
	rest -= bill.part(reasoning, rest, p.Reasoning)
	bill.add(rest, p.Output)

	bill.piece(positive(u.Images), p.Image, denominator)
	bill.piece(positive(int64(u.Audio)), p.AudioHour, denominator/uint64(time.Hour))
	bill.piece(positive(u.WebSearches), p.WebSearch, denominator)
	if !bill.known {
		return 0, false
	}
	return bill.sum.over(denominator), true
}
