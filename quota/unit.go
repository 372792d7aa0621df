package quota

import (
	"fmt"
	"strconv"
	"strings"
)

// Unit is what a limit counts.
type Unit uint8

// The units. Their numbers are part of what stores keep and do not change.
const (
	UnitUnknown  Unit = iota // not said; a limit with it is invalid
	Requests                 // Amount.Requests
	InputTokens              // Amount.InputTokens
	OutputTokens             // Amount.OutputTokens
	Tokens                   // Amount.InputTokens and Amount.OutputTokens together
	Cost                     // Amount.Cost, in nano-USD: 1,000,000,000 are a dollar
	InFlight                 // reservations that are neither settled nor expired: each is one
)

var unitNames = [...]string{"unknown units", "requests", "input tokens", "output tokens", "tokens", "nano-USD", "in flight"}

// String is the unit in words, such as "input tokens". One that this version does not know is "unit(n)".
func (u Unit) String() string {
	if int(u) < len(unitNames) {
		return unitNames[u]
	}
	return "unit(" + strconv.Itoa(int(u)) + ")"
}

// text is so many of the unit in words: "100 requests", "1 request", "$0.25".
func (u Unit) text(n int64) string {
	switch {
	case u == Cost:
		return u.number(n)
	case n == 1:
		return "1 " + strings.TrimSuffix(u.String(), "s")
	default:
		return strconv.FormatInt(n, 10) + " " + u.String()
	}
}

// number is so many of the unit, where the unit has been told: "100", "$0.25".
func (u Unit) number(n int64) string {
	if u != Cost {
		return strconv.FormatInt(n, 10)
	}
	const dollar = 1_000_000_000
	sign, whole, rest := "", n/dollar, n%dollar
	if n < 0 {
		sign, whole, rest = "-", -whole, -rest
	}
	text := fmt.Sprintf("%s$%d.%09d", sign, whole, rest)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
