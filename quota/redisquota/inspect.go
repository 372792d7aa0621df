package redisquota

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// grantKnown is for how long a grant is known, so that a client may send it again.
const grantKnown = 5 * time.Minute

// Levels implements [quota.Inspector]. It writes nothing.
func (s *Store) Levels(ctx context.Context, key string, limits []quota.Limit) ([]quota.Level, error) {
	if err := quota.CheckLevels(key, limits); err != nil {
		return nil, err
	}
	if err := check(ctx, key, limits); err != nil {
		return nil, err
	}
	answer, err := s.callWithLimits(ctx, levelsScript, s.names(key), nil, limits, quota.Amount{})
	if err == nil && answer.word != "ok" {
		err = errWord(answer.word)
	}
	if err != nil {
		return nil, s.failed("levels", key, err)
	}
	standings, err := answer.standings(limits)
	if err != nil {
		return nil, s.failed("levels", key, err)
	}
	levels := make([]quota.Level, len(limits))
	for i, l := range limits {
		used := standings[i].Used
		levels[i] = quota.Level{Limit: l, Used: used, Left: max(0, l.Max-used), EmptyAt: standings[i].RoomAt}
	}
	return levels, nil
}

// Reset implements [quota.Inspector].
func (s *Store) Reset(ctx context.Context, key string) error {
	if err := quota.CheckKey(key); err != nil {
		return err
	}
	return s.failed("reset", key, s.do(ctx, resetScript, s.names(key)))
}

// Grant implements [quota.Granter]. A call that the client sends again grants once; calling Grant again grants twice.
func (s *Store) Grant(ctx context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	if err := quota.CheckGrant(key, limits, a); err != nil {
		return err
	}
	if err := check(ctx, key, limits); err != nil {
		return err
	}
	if i := slices.IndexFunc(limits, func(l quota.Limit) bool { return a.Of(l.Unit) > MaxLimit }); i >= 0 {
		return fmt.Errorf("%w: grant of %d %v for key %q: redisquota counts to %d at most", quota.ErrInvalid, a.Of(limits[i].Unit), limits[i].Unit, key, int64(MaxLimit))
	}
	known := strconv.FormatInt(grantKnown.Milliseconds(), 10)
	answer, err := s.callWithLimits(ctx, grantScript, s.names(key, "grant:"+rand.Text()), []any{known}, limits, a)
	if err == nil && answer.word != "ok" {
		err = errWord(answer.word)
	}
	return s.failed("grant", key, err)
}
