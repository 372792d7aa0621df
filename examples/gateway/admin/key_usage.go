package admin

import (
	"math"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// level is how far a limit of a key is used. Money is in USD, as the key is charged.
type level struct {
	Limit    string    `json:"limit"` // in words
	Unit     string    `json:"unit"`  // requests, tokens, usd, in_flight
	Max      float64   `json:"max"`
	Used     float64   `json:"used"`               // above max: debt; below 0: more was granted than used
	Left     float64   `json:"left"`               // at least 0
	ResetsAt time.Time `json:"resets_at,omitzero"` // when its day, week or month ends
	EmptyAt  time.Time `json:"empty_at,omitzero"`  // when all that is used now no longer counts
}

// levels are those of one key.
type levels struct {
	KeyID  string  `json:"key_id"`
	Levels []level `json:"levels"`
}

// quotaKey is under which name the quota store counts what a key uses.
func quotaKey(id string) string { return "key/" + id }

func (a *api) keyUsage(c *call) (any, error) {
	k, err := a.counted(c)
	if err != nil {
		return nil, err
	}
	return a.levels(c, k)
}

// counted is the key that is asked about, with what it used before in its counts.
func (a *api) counted(c *call) (resource.Key, error) {
	k, err := a.key(c.r.Context(), c.subject)
	if sower, ok := a.Gateway.(UsageSower); ok && err == nil {
		sower.SowUsage(c.r.Context(), k)
	}
	return k, err
}

func (a *api) levels(c *call, k resource.Key) (any, error) {
	limits, err := k.Limits()
	if err != nil {
		return nil, err
	}
	answer := levels{KeyID: k.ID, Levels: make([]level, len(limits))}
	if len(limits) == 0 {
		return answer, nil
	}
	inspector, ok := a.Quota.(quota.Inspector)
	if !ok {
		return nil, unsupported("The gateway's quota store does not tell what is used.")
	}
	used, err := inspector.Levels(c.r.Context(), quotaKey(k.ID), limits)
	if err != nil {
		return nil, err
	}
	for i, l := range used {
		answer.Levels[i] = levelOf(l, k.Rate())
	}
	return answer, nil
}

func levelOf(l quota.Level, rate float64) level {
	out := level{Limit: l.Limit.String(), Unit: l.Limit.Unit.String(), Max: float64(l.Limit.Max), Used: float64(l.Used), Left: float64(l.Left), EmptyAt: l.EmptyAt}
	_, out.ResetsAt = l.Limit.Window.Bounds(time.Now())
	if l.Limit.Window.Kind() == quota.WindowRolling {
		out.ResetsAt = time.Time{} // it ends bit by bit
	}
	switch l.Limit.Unit {
	case quota.InFlight:
		out.Unit = "in_flight"
	case quota.Cost:
		charged := l.Limit
		charged.Max = int64(math.Round(float64(charged.Max) * rate))
		out.Unit, out.Limit = "usd", charged.String()
		for _, amount := range []*float64{&out.Max, &out.Used, &out.Left} {
			*amount = math.Round(*amount*rate) / 1e9
		}
	}
	return out
}

// resetKeyUsage forgets what a key has used, in every window.
func (a *api) resetKeyUsage(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	k, err := a.counted(c)
	if err != nil {
		return nil, err
	}
	inspector, ok := a.Quota.(quota.Inspector)
	if !ok {
		return nil, unsupported("The gateway's quota store cannot be reset.")
	}
	if err := inspector.Reset(c.r.Context(), quotaKey(k.ID)); err != nil {
		return nil, err
	}
	return a.levels(c, k)
}

// grantInput is what a key is given more than its limits allow.
type grantInput struct {
	Requests optional[int64]   `json:"requests"`
	Tokens   optional[int64]   `json:"tokens"`
	USD      optional[float64] `json:"usd"`
}

// maxTokens and maxUSD are what every store can count to.
const (
	maxTokens = 1 << 53
	maxUSD    = 9_000_000
)

// amount is what is granted, as the quota stores count it: money as it is paid.
func (in *grantInput) amount(rate float64) (quota.Amount, error) {
	usd := in.USD.value / rate
	switch {
	case in.Requests.value < 0 || in.Requests.value > maxTokens:
		return quota.Amount{}, invalid("requests", "Write a whole number above 0.")
	case in.Tokens.value < 0 || in.Tokens.value > maxTokens:
		return quota.Amount{}, invalid("tokens", "Write a whole number above 0.")
	case !(in.USD.value >= 0) || usd > maxUSD:
		return quota.Amount{}, invalid("usd", "Write dollars above 0, and at most %d.", maxUSD)
	}
	amount := quota.Amount{Requests: in.Requests.value, InputTokens: in.Tokens.value, Cost: resource.USD(usd)}
	if amount == (quota.Amount{}) {
		return amount, invalid("", "Nothing is granted: write requests, tokens or usd.")
	}
	return amount, nil
}

func (a *api) grantKeyUsage(c *call) (any, error) {
	var in grantInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	k, err := a.counted(c)
	if err != nil {
		return nil, err
	}
	amount, err := in.amount(k.Rate())
	if err != nil {
		return nil, err
	}
	limits, err := k.Limits()
	if err != nil {
		return nil, err
	}
	limits = granted(limits, amount)
	if len(limits) == 0 {
		return nil, invalid("", "The key has no limit of that: it needs no grant.")
	}
	granter, ok := a.Quota.(quota.Granter)
	if !ok {
		return nil, unsupported("The gateway's quota store cannot grant.")
	}
	if err := granter.Grant(c.r.Context(), quotaKey(k.ID), limits, amount); err != nil {
		return nil, err
	}
	return a.levels(c, k)
}

// granted are the limits that an amount matters to.
func granted(limits []quota.Limit, a quota.Amount) []quota.Limit {
	var some []quota.Limit
	for _, l := range limits {
		if l.Unit != quota.InFlight && a.Of(l.Unit) > 0 {
			some = append(some, l)
		}
	}
	return some
}
