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
