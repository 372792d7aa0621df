package quotatest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aitransport/aitransport/quota"
)

// parties are the keys of checkCharges.
var parties = []string{"tenant", "user", "account"}

func charges(limits ...quota.Limit) (cs []quota.Charge) {
	for _, k := range parties {
		cs = append(cs, quota.Charge{Key: k, Limits: limits})
	}
	return cs
}

func checkCharges(b *bench) error {
	return first(b.chargesTogether(), b.chargesRefused(), b.chargesOfOneKey(), b.chargesOfNonsense())
}

// usedByAll checks what each of the parties has used.
func (b *bench) usedByAll(limit quota.Limit, want int64) error {
	for _, k := range parties {
		if err := b.usedBy(k, limit, want); err != nil {
			return seen("key %q: %w", k, err)
		}
	}
	return nil
}

func (b *bench) chargesTogether() error {
	limit := total(quota.Tokens, 1000)
	cs := charges(limit, rolling(quota.Tokens, 1000), inFlight(1000))
	rs, err := quota.ReserveAll(b, b.Store, cs, quota.Amount{InputTokens: 100}, long)
	if err != nil {
		return seen("ReserveAll where there is room: %w", err)
	}
	if len(rs) != len(cs) {
		return seen("ReserveAll of %d charges returned %d reservations", len(cs), len(rs))
	}
	for i, r := range rs {
		if r.Key != cs[i].Key || r.ID == "" || r.Expires.IsZero() {
			return seen("ReserveAll: reservation %d is %+v, of the charge of %q", i, r, cs[i].Key)
		}
	}
	if err := b.usedByAll(limit, 100); err != nil {
		return err
	}
	if err := quota.RenewAll(b, b.Store, rs, long); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return seen("RenewAll: %w", err)
	}
	for _, used := range []int64{30, 900} { // only the first counts
		if err := quota.SettleAll(b, b.Store, rs, quota.Amount{InputTokens: used}); err != nil {
			return seen("SettleAll: %w", err)
		}
	}
	return b.usedByAll(limit, 30)
}

// chargesRefused has one party full, each in turn.
func (b *bench) chargesRefused() error {
	limit, one := total(quota.Requests, 1000), quota.Amount{Requests: 1}
	for i, k := range parties {
		full := total(quota.OutputTokens, 1)
		if _, err := b.Reserve(b, k, []quota.Limit{full}, quota.Amount{OutputTokens: int64(1)}, long); err != nil {
			return err
		}
		cs := charges(limit)
		cs[i].Limits = []quota.Limit{limit, full}
		_, err := quota.ReserveAll(b, b.Store, cs, quota.Amount{Requests: 1, OutputTokens: 1}, long)
		e, err := refusal(cs[i].Limits, err)
		if err != nil {
			return err
		}
		if e.Key != k || e.Limit != full {
			return seen("with %v of %q used up, the error is %+v", full, k, *e)
		}
		if err := b.usedByAll(limit, 0); err != nil {
			return seen("after %q had no room: %w", k, err)
		}
	}
	// All are in flight once by now; nothing else may be.
	rs, err := quota.ReserveAll(b, b.Store, charges(inFlight(2)), one, long)
	if err != nil {
		return seen("after refusals, two in flight were not allowed: %w", err)
	}
	_, err = quota.ReserveAll(b, b.Store, charges(inFlight(2), total(quota.Cost, 1)), quota.Amount{Cost: 1}, long)
	e, err := refusal([]quota.Limit{inFlight(2)}, err)
	if err != nil {
		return err
	}
	if e.Key != parties[0] {
		return seen("with all of %q full, the error is about %q, not the first", parties, e.Key)
	}
	return quota.SettleAll(b, b.Store, rs, quota.Amount{})
}

func (b *bench) chargesOfOneKey() error {
	requests, tokens := total(quota.Requests, 1000), total(quota.Tokens, 10)
	cs := []quota.Charge{{Key: "one", Limits: []quota.Limit{requests}}, {Key: "two"}, {Key: "one", Limits: []quota.Limit{tokens, inFlight(1)}}}
	rs, err := quota.ReserveAll(b, b.Store, cs, quota.Amount{Requests: 1, InputTokens: 10}, long)
	if err != nil {
		return seen("ReserveAll of %v: %w", cs, err)
	}
	if len(rs) != 2 || len(cs[0].Limits) != 1 {
		return seen("ReserveAll of charges of two keys returned %+v, and left %v", rs, cs)
	}
	if _, err := b.Reserve(b, "one", []quota.Limit{tokens}, quota.Amount{InputTokens: 1}, long); !errors.Is(err, quota.ErrExceeded) {
		return seen("the limits of the second charge of a key were not charged: %v", err)
	}
	if err := b.usedBy("one", requests, 1); err != nil {
		return err
	}
	if charger, ok := b.Store.(quota.Charger); ok {
		if _, err := charger.ReserveAll(b, cs, quota.Amount{}, long); err == nil || errors.Is(err, quota.ErrExceeded) {
			return seen("the store's own ReserveAll of one key twice: %v", err)
		}
	}
	return quota.SettleAll(b, b.Store, rs, quota.Amount{})
}

func (b *bench) chargesOfNonsense() error {
	limit, one := total(quota.Requests, 1000), quota.Amount{Requests: 1}
	wrong := [][]quota.Charge{
		{{Key: "x", Limits: []quota.Limit{limit}}, {Key: "", Limits: []quota.Limit{limit}}},
		{{Key: "x", Limits: []quota.Limit{limit}}, {Key: "y", Limits: []quota.Limit{{}}}},
	}
	for _, cs := range wrong {
		if _, err := quota.ReserveAll(b, b.Store, cs, one, long); err == nil || errors.Is(err, quota.ErrExceeded) {
			return seen("ReserveAll of %v: %v", cs, err)
		}
	}
	done, cancel := context.WithCancel(b)
	cancel()
	if _, err := quota.ReserveAll(done, b.Store, []quota.Charge{{Key: "x", Limits: []quota.Limit{limit}}, {Key: "y"}}, one, long); err == nil || errors.Is(err, quota.ErrExceeded) {
		return seen("ReserveAll with a context that is done: %v", err)
	}
	return b.usedBy("x", limit, 0)
}

// checkChargesByMany has pairs of three keys charged in every order.
func checkChargesByMany(b *bench) error {
	limit := total(quota.Requests, mostEver)
	var admitted [3]atomic.Int64 // by key
	charge := func(i int) error {
		x, y := i%3, (i+1+i/3%2)%3
		cs := []quota.Charge{{Key: parties[x], Limits: []quota.Limit{limit}}, {Key: parties[y], Limits: []quota.Limit{limit}}}
		rs, err := quota.ReserveAll(b, b.Store, cs, quota.Amount{Requests: 1}, long)
		switch {
		case errors.Is(err, quota.ErrExceeded):
			return nil
		case err != nil:
			return seen("ReserveAll: %w", err)
		}
		admitted[x].Add(1)
		admitted[y].Add(1)
		return quota.SettleAll(b, b.Store, rs, quota.Amount{Requests: 1})
	}
	const each = 6 // some 256 for each key, and 128 for each two of them
	err := together(callers, func(i int) error {
		for n := range each {
			if err := charge(i*each + n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	full := 0
	for i, k := range parties {
		n := admitted[i].Load()
		if n > mostEver {
			return seen("%d requests of %q were admitted, of %d allowed", n, k, mostEver)
		}
		if err := b.usedBy(k, limit, n); err != nil {
			return seen("%d requests of %q were admitted: %w", n, k, err)
		}
		if n == mostEver {
			full++
		}
	}
	if _, ok := b.Store.(quota.Charger); ok && full < 2 {
		return seen("of keys that were charged in pairs, %d are full: somebody was refused while both had room", full)
	}
	return nil
}
