package provider

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// A Balance is what an account can still spend in one currency, as its provider
// tells it.
type Balance struct {
	Currency  string    `json:"currency,omitempty"` // ISO 4217: USD; "": not said
	Available Amount    `json:"available,omitzero"` // what is left; negative: owed; not said: no limit is known
	Limit     Amount    `json:"limit,omitzero"`     // what may be spent in all, or until Until
	Used      Amount    `json:"used,omitzero"`      // what was spent so far
	Until     time.Time `json:"until,omitzero"`     // when Limit begins anew; zero: it does not, or not said

	// Enough says that requests which cost money are served: the provider's own
	// word where it gives one, else whether anything is left.
	Enough bool `json:"enough"`
}

// An Amount is an amount of money, or the lack of one: the zero Amount is not
// said. Amounts are exact to a billionth of the currency's unit.
type Amount struct {
	nano int64
	said bool
}

// NanoAmount returns the amount of n billionths of a unit.
func NanoAmount(n int64) Amount { return Amount{n, true} }

// Nano returns the amount in billionths of a unit. ok is false if it was not
// said.
func (a Amount) Nano() (n int64, ok bool) { return a.nano, a.said }

const (
	nanoDigits = 9
	nanoUnit   = 1_000_000_000
)

// String returns the amount as a decimal number, "-0.5", or "" if it was not
// said.
func (a Amount) String() string {
	if !a.said {
		return ""
	}
	sign, n := "", uint64(a.nano) // #nosec G115 -- the sign comes next
	if a.nano < 0 {
		sign, n = "-", -n
	}
	whole, part := n/nanoUnit, n%nanoUnit
	if part == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return sign + strings.TrimRight(fmt.Sprintf("%d.%0*d", whole, nanoDigits, part), "0")
}

// MarshalText is String, for logs and JSON.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a decimal number; "" is an amount that was not said.
func (a *Amount) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Amount{}
		return nil
	}
	got, ok := parseAmount(string(text))
	if !ok {
		return fmt.Errorf("provider: %.32q is no amount of money: write it as 12.5", text)
	}
	*a = got
	return nil
}

// parseAmount reads a decimal number, with an exponent or without. What is
// finer than a billionth is dropped; what is too large for an Amount is none.
func parseAmount(s string) (Amount, bool) {
	const maxNumber, maxExponent = 48, 30
	if s == "" || len(s) > maxNumber || strings.Trim(s, "+-.0123456789eE") != "" {
		return Amount{}, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > maxExponent || e < -maxExponent {
			return Amount{}, false
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return Amount{}, false
	}
	r.Mul(r, big.NewRat(nanoUnit, 1))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	if !n.IsInt64() {
		return Amount{}, false
	}
	return NanoAmount(n.Int64()), true
}

// amountOf reads a number or a string that holds one.
func amountOf(v gjson.Result) Amount {
	var a Amount
	switch v.Type {
	case gjson.Number:
		a, _ = parseAmount(v.Raw)
	case gjson.String:
		a, _ = parseAmount(v.Str)
	}
	return a
}

func (a Amount) positive() bool { return a.said && a.nano > 0 }

// A balanceQuery is how a provider tells what is left, and in which words.
type balanceQuery struct {
	dialect string // its row in probeDialects
	probe   string
	read    func(root gjson.Result, p *Provider, at time.Time) []Balance // nil: not understood
}

var balanceQueries = []balanceQuery{
	{"deepseek", "deepseek balance", deepseekBalance},
	{"moonshot", "moonshot balance", moonshotBalance},
	{"openrouter", "openrouter key", openrouterBalance},
}

func balanceQueryOf(p *Provider) (balanceQuery, bool) {
	d := probeDialectOf(p)
	if d == nil {
		return balanceQuery{}, false
	}
	i := slices.IndexFunc(balanceQueries, func(q balanceQuery) bool { return q.dialect == d.name })
	if i < 0 {
		return balanceQuery{}, false
	}
	return balanceQueries[i], true
}

// BalanceProbe returns the probe whose answer ParseBalance reads. ok is false
// if the provider has none that is known, as OpenAI, Anthropic and Gemini have
// none for the keys that requests are made with.
func BalanceProbe(p *Provider) (probe Probe, ok bool) {
	q, ok := balanceQueryOf(p)
	if !ok {
		return Probe{}, false
	}
	return LookupProbe(q.probe)
}

// maxBalances bounds how many currencies are read.
const maxBalances = 16

// ParseBalance reads the good answer to p's BalanceProbe that came at that
// time: a Balance for each currency, 16 at most. An answer that it does not
// understand is an error, errors.ErrUnsupported one if p has no such probe.
func ParseBalance(p *Provider, body []byte, at time.Time) ([]Balance, error) {
	q, ok := balanceQueryOf(p)
	if !ok {
		return nil, fmt.Errorf("provider %q: no way to ask for a balance is known: %w", p.Name, errors.ErrUnsupported)
	}
	body = trimHead(body)
	if !ValidJSON(body) {
		return nil, fmt.Errorf("provider %q: the balance is not JSON, or was cut short", p.Name)
	}
	balances := q.read(gjson.ParseBytes(body), p, at)
	if len(balances) == 0 {
		return nil, fmt.Errorf("provider %q: the balance does not look as it is known to", p.Name)
	}
	return balances[:min(len(balances), maxBalances)], nil
}

// deepseekBalance reads strings (provider-facts 9.3).
func deepseekBalance(root gjson.Result, _ *Provider, _ time.Time) (balances []Balance) {
	enough := root.Get("is_available")
	if !enough.IsBool() {
		return nil
	}
	root.Get("balance_infos").ForEach(func(_, info gjson.Result) bool {
		if left := amountOf(info.Get("total_balance")); left.said {
			balances = append(balances, Balance{Currency: currency(info.Get("currency").Str), Available: left, Enough: enough.Bool()})
		}
		return len(balances) < maxBalances
	})
	return balances
}

// moonshotBalance reads numbers, in yuan in China and dollars elsewhere; at 0
// or below nothing is served (Moonshot's billing API; provider-facts 9.4).
func moonshotBalance(root gjson.Result, p *Provider, _ time.Time) []Balance {
	left := amountOf(root.Get("data.available_balance"))
	if !left.said {
		return nil
	}
	b := Balance{Available: left, Enough: left.positive()}
	if base, err := p.base(); err == nil {
		switch base.host {
		case "api.moonshot.cn":
			b.Currency = "CNY"
		case "api.moonshot.ai":
			b.Currency = "USD"
		}
	}
	return []Balance{b}
}

// openrouterBalance reads what the key may spend, in dollars; null is without
// limit. It says nothing of the credits of the account that the key belongs to,
// unless a budget stands beside it (openrouter.ai/docs; provider-facts 9.10).
func openrouterBalance(root gjson.Result, _ *Provider, at time.Time) []Balance {
	data := root.Get("data")
	used := amountOf(data.Get("usage"))
	if !used.said {
		return nil
	}
	b := Balance{
		Currency: "USD", Used: used, Enough: true,
		Available: amountOf(data.Get("limit_remaining")), Limit: amountOf(data.Get("limit")),
		Until: nextReset(data.Get("limit_reset").Str, at),
	}
	if budget := amountOf(data.Get("effective_budget.remaining_usd")); budget.said && (!b.Available.said || budget.nano < b.Available.nano) {
		b.Available = budget
	}
	b.Enough = !b.Available.said || b.Available.positive()
	return []Balance{b}
}

// nextReset returns when a limit of that period begins anew: at midnight in
// UTC, weeks on Monday (openrouter.ai/docs). Zero: it does not, or the period
// is not known.
func nextReset(period string, at time.Time) time.Time {
	at = at.UTC()
	switch period {
	case "daily":
		return nextMidnight(at, time.UTC)
	case "weekly":
		days := 7 - (int(at.Weekday())+6)%7 // 7 on a Monday
		return time.Date(at.Year(), at.Month(), at.Day()+days, 0, 0, 0, 0, time.UTC)
	case "monthly":
		return nextMonth(at)
	}
	return time.Time{}
}

// currency returns an ISO 4217 code in capitals, or "" for what is none.
func currency(s string) string {
	if s = strings.ToUpper(s); len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return s
	}
	return ""
}
