package quotatest

import (
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// levels checks what is used of each limit, if the store can say.
func (b *bench) levels(limits []quota.Limit, want ...int64) ([]quota.Level, error) {
	levels, err := b.Store.(quota.Inspector).Levels(b, key, limits)
	if err != nil {
		return nil, seen("Levels: %w", err)
	}
	if len(levels) != len(limits) {
		return nil, seen("Levels of %d limits returned %d", len(limits), len(levels))
	}
	for i, l := range levels {
		if l.Limit != limits[i] || l.Used != want[i] || l.Left != max(0, limits[i].Max-want[i]) {
			return nil, seen("Levels of %v: number %d is %+v, want %d used", limits, i, l, want[i])
		}
	}
	return levels, nil
}

func checkLevels(b *bench) error {
	if _, ok := b.Store.(quota.Inspector); !ok {
		return fmt.Errorf("quota.Inspector: %w", errOptional)
	}
	limits := []quota.Limit{inFlight(3), total(quota.Tokens, 100), rolling(quota.Requests, 10), rolling(quota.Tokens, 1000), rolling(quota.Cost, 1)}
	if _, err := b.levels(limits, 0, 0, 0, 0, 0); err != nil {
		return err
	}
	r, err := b.admit(limits, quota.Amount{Requests: 1, InputTokens: 30, OutputTokens: 5})
	if err != nil {
		return err
	}
	levels, err := b.levels(limits, 1, 35, 1, 35, 0)
	if err != nil {
		return err
	}
	for i, leaves := range []bool{false, false, true, true, false} {
		wait := time.Until(levels[i].EmptyAt)
		if leaves && (wait < window-slack-time.Second || wait > window+window/10+slack) || !leaves && !levels[i].EmptyAt.IsZero() {
			return seen("just spent in %v: empty at %v, in %v", limits[i], levels[i].EmptyAt, wait)
		}
	}
	if err := b.Settle(b, r, quota.Amount{Requests: 1, InputTokens: 30, OutputTokens: 500}); err != nil {
		return err
	}
	_, err = b.levels(limits, 0, 530, 1, 530, 0)
	return err
}

func checkReset(b *bench) error {
	inspector, ok := b.Store.(quota.Inspector)
	if !ok {
		return fmt.Errorf("quota.Inspector: %w", errOptional)
	}
	limits := []quota.Limit{inFlight(1000), total(quota.Tokens, 1000), rolling(quota.Tokens, 1000)}
	if err := inspector.Reset(b, key); err != nil {
		return seen("Reset of a key that is not known: %w", err)
	}
	for range 2 {
		less, err := b.admit(limits, quota.Amount{InputTokens: 100})
		if err != nil {
			return err
		}
		more, err := b.admit(limits, quota.Amount{InputTokens: 100})
		if err = first(err, inspector.Reset(b, key)); err != nil {
			return err
		}
		if _, err := b.levels(limits, 2, 0, 0); err != nil {
			return seen("after Reset: %w", err)
		}
		other, err := b.admit(limits, quota.Amount{InputTokens: 50})
		err = first(err, b.Settle(b, less, quota.Amount{}), b.Settle(b, more, quota.Amount{InputTokens: 107}))
		if err = first(err, b.Settle(b, other, quota.Amount{InputTokens: 50})); err != nil {
			return err
		}
		if _, err := b.levels(limits, 0, 57, 57); err != nil {
			return seen("50 spent after Reset, and one reserved before it used 7 above its estimate: %w", err)
		}
		if err := inspector.Reset(b, key); err != nil {
			return err
		}
	}
	return nil
}

func checkGrant(b *bench) error {
	granter, ok := b.Store.(quota.Granter)
	if !ok {
		return fmt.Errorf("quota.Granter: %w", errOptional)
	}
	for _, wrong := range []quota.Amount{{Requests: -1}, {Cost: -1}} {
		if err := granter.Grant(b, key, []quota.Limit{total(quota.Cost, 1)}, wrong); err == nil {
			return seen("Grant of %+v: no error", wrong)
		}
	}
	if err := granter.Grant(b, "", []quota.Limit{total(quota.Cost, 1)}, quota.Amount{Cost: 1}); err == nil {
		return seen("Grant to an empty key: no error")
	}
	return first(b.grantBack(granter), b.grantOnTop(granter), b.grantToTheLiving(granter))
}

// grantBack grants what was used.
func (b *bench) grantBack(granter quota.Granter) error {
	tokens := []quota.Limit{total(quota.Tokens, 100), rolling(quota.Tokens, 100)}
	all := append([]quota.Limit{inFlight(5), total(quota.Requests, 9), tokens[0]}, tokens...) // one of them twice
	r, err := b.admit(tokens, quota.Amount{InputTokens: 100})
	if err = first(err, b.Settle(b, r, quota.Amount{InputTokens: 100})); err != nil {
		return err
	}
	if err := granter.Grant(b, key, all, quota.Amount{InputTokens: 20, OutputTokens: 10}); err != nil {
		return seen("Grant: %w", err)
	}
	return first(b.used(tokens[0], 70), b.used(tokens[1], 70), b.used(total(quota.Requests, 9), 0))
}

// grantOnTop grants what was not used, and waits for it to leave the window.
func (b *bench) grantOnTop(granter quota.Granter) error {
	const k = "on top"
	limits := []quota.Limit{total(quota.Cost, 100), rolling(quota.Cost, 100)}
	if err := granter.Grant(b, k, limits, quota.Amount{Cost: 50}); err != nil {
		return seen("Grant: %w", err)
	}
	if inspector, ok := b.Store.(quota.Inspector); ok {
		levels, err := inspector.Levels(b, k, limits)
		if err != nil {
			return err
		}
		for _, l := range levels {
			if l.Used != -50 || l.Left != 150 {
				return seen("with 50 granted of %v, its level is %+v", l.Limit, l)
			}
		}
	}
	spend := func(limit quota.Limit, most int64) error {
		_, err := b.Reserve(b, k, []quota.Limit{limit}, quota.Amount{Cost: most + 1}, long)
		if _, err := refusal([]quota.Limit{limit}, err); err != nil {
			return seen("%d: %w", most+1, err)
		}
		r, err := b.Reserve(b, k, []quota.Limit{limit}, quota.Amount{Cost: most}, long)
		if err != nil {
			return seen("%d: %w", most, err)
		}
		return b.Settle(b, r, quota.Amount{})
	}
	if err := first(spend(limits[0], 150), spend(limits[1], 150)); err != nil {
		return seen("just granted: %w", err)
	}
	b.sleep(window + window/10 + slack)
	if err := first(spend(limits[0], 150), spend(limits[1], 100)); err != nil {
		return seen("granted a window ago: %w", err)
	}
	if inspector, ok := b.Store.(quota.Inspector); ok {
		return first(inspector.Reset(b, k), spend(limits[0], 100))
	}
	return nil
}

// grantToTheLiving grants while a reservation lives, which gives back all the same.
func (b *bench) grantToTheLiving(granter quota.Granter) error {
	const k = "living"
	limits := []quota.Limit{total(quota.Cost, 1000), rolling(quota.Cost, 1000)}
	r, err := b.Reserve(b, k, limits, quota.Amount{Cost: 100}, long)
	if err = first(err, granter.Grant(b, k, limits, quota.Amount{Cost: 100}), b.Settle(b, r, quota.Amount{Cost: 40})); err != nil {
		return err
	}
	for _, limit := range limits {
		if err := b.usedBy(k, limit, -60); err != nil {
			return seen("100 reserved, 100 granted, 40 used: %w", err)
		}
	}
	return nil
}
