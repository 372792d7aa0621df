package provider

import (
	"math"
	"math/bits"
	"time"
)

// The sum of a bill is kept as a whole number of denominator-ths of a nano-USD,
// so that nothing is rounded before its end: tokens are priced by the million
// and multiplied by millionths, sound is priced by the hour and counted in
// nanoseconds.
const (
	denominator = 5 * uint64(time.Hour)             // 18e12, a multiple of 1e12
	perToken    = denominator / (Times * 1_000_000) // for a millionth of a rate for a million tokens
)

// A bill adds up what usage costs.
type bill struct {
	sum    wide
	tokens uint64 // what a token times a rate is multiplied by: the service tier is in it
	known  bool   // all that was used has a rate
}

// add charges tokens.
func (b *bill) add(n uint64, r Rate) { b.piece(n, r, b.tokens) }

// part charges as many of n tokens as there are, and returns how many.
func (b *bill) part(n, of uint64, r Rate) uint64 {
	n = min(n, of)
	b.add(n, r)
	return n
}

// piece charges n of something.
func (b *bill) piece(n uint64, r Rate, scale uint64) {
	switch {
	case n == 0 || r == Free:
	case r == 0:
		b.known = false
	default:
		b.sum.add(n, positive(int64(r)), scale)
	}
}

// positive is a count as it is added up; a negative one is 0.
func positive(n int64) uint64 {
	return uint64(max(n, 0)) // #nosec G115 -- not negative
}

// A wide is a whole number of up to 192 bits, the lowest first. Billions of
// products of a count below 2^64, a rate of at most 2^50 and a scale of at most
// 2^45 fit into it.
type wide [3]uint64

// add adds a*b*c.
func (s *wide) add(a, b, c uint64) {
	high, low := bits.Mul64(a, b)
	carried, first := bits.Mul64(low, c)
	top, second := bits.Mul64(high, c)
	second, carry := bits.Add64(second, carried, 0)
	top += carry
	s[0], carry = bits.Add64(s[0], first, 0)
	s[1], carry = bits.Add64(s[1], second, carry)
	s[2] += top + carry
}

// over returns the number divided by d, rounded up, or the largest int64 if that is
// too large.
func (s *wide) over(d uint64) int64 {
	third, rest := s[2]/d, s[2]%d
	second, rest := bits.Div64(rest, s[1], d)
	first, rest := bits.Div64(rest, s[0], d)
	if third != 0 || second != 0 || first >= math.MaxInt64 {
		return math.MaxInt64
	}
	if rest != 0 {
		first++
	}
	return int64(first) // #nosec G115 -- at most the largest
}
