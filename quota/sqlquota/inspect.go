package sqlquota

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/ledger"
)

// Levels implements [quota.Inspector]. It takes no lock, and waits for nobody.
func (s *Store) Levels(ctx context.Context, key string, limits []quota.Limit) ([]quota.Level, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := quota.CheckLevels(key, limits); err != nil {
		return nil, err
	}
	if err := quota.CheckShared(key, limits); err != nil {
		return nil, err
	}
	r, now := row{id: sha256.Sum256([]byte(key))}, time.Now()
	err := s.retry(ctx, func() error { return s.scan(ctx, s.db.QueryRowContext, s.sql.read, &r, &now) })
	if err != nil {
		return nil, failure(ctx, fmt.Sprintf("reading the levels of %q", key), err)
	}
	l, err := ledger.Open(r.state, now)
	if err != nil {
		return nil, failure(ctx, fmt.Sprintf("reading the levels of %q", key), err)
	}
	return l.Levels(limits), nil
}

// Reset implements [quota.Inspector].
func (s *Store) Reset(ctx context.Context, key string) error {
	if err := quota.CheckKey(key); err != nil {
		return err
	}
	return s.change(ctx, "resetting", []string{key}, false, func(ls []*ledger.Ledger) error {
		if ls[0] == nil {
			return errNothing
		}
		ls[0].Reset()
		return nil
	})
}

// Grant implements [quota.Granter].
func (s *Store) Grant(ctx context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	if err := quota.CheckGrant(key, limits, a); err != nil {
		return err
	}
	if err := quota.CheckShared(key, limits); err != nil {
		return err
	}
	return s.change(ctx, "granting to", []string{key}, true, func(ls []*ledger.Ledger) error {
		ls[0].Grant(limits, a)
		return nil
	})
}
