package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

const (
	leaseTime = 90 * time.Second // longer than a renewal and the keeping of its tokens take

	leaseFirstLook = 20 * time.Millisecond // who waits for a lease looks again after that,
	leaseLook      = 320 * time.Millisecond
)

// LeaseTokens waits until no program renews the tokens of an account, and has the others
// wait: until release is called, or for 90 seconds, should the program die. stored are the
// tokens as they are kept then: others than the caller's have been renewed meanwhile. The
// clocks of programs that share a database have to agree to some seconds. release may be
// called more than once; its error says that the others wait for the 90 seconds.
// resource.ErrNotFound: there is no such account.
func (db *DB) LeaseTokens(ctx context.Context, accountID string) (stored provider.OAuthTokens, release func(context.Context) error, err error) {
	const doing = "taking the lease of the tokens of"
	name := "renewal/" + accountID
	if err := fits("the name of a lease", name, 64); err != nil {
		return stored, nil, err
	}
	lease, err := db.lease(ctx, name)
	if err != nil {
		return stored, nil, wrapID(err, doing, "account", accountID)
	}
	release = func(ctx context.Context) error {
		err := db.transact(ctx, func(tx *sql.Tx) error {
			_, err := db.exec(ctx, tx, "DELETE FROM settings WHERE name = ? AND value = ?", name, lease)
			return err
		})
		return wrapID(err, "giving back the lease of the tokens of", "account", accountID)
	}
	a, err := db.Account(ctx, accountID)
	if err != nil {
		return stored, nil, errors.Join(err, release(context.WithoutCancel(ctx)))
	}
	if o := a.OAuth; o != nil {
		stored = provider.OAuthTokens{AccessToken: o.AccessToken.Reveal(), RefreshToken: o.RefreshToken.Reveal(), Expiry: o.Expiry}
	}
	return stored, release, nil
}

// lease takes the lease of a name, when nobody has it.
func (db *DB) lease(ctx context.Context, name string) (string, error) {
	for wait := leaseFirstLook; ; wait = min(2*wait, leaseLook) {
		lease, err := db.tryLease(ctx, name)
		if err != nil || lease != "" {
			return lease, err
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return "", context.Cause(ctx)
		}
	}
}

// tryLease takes the lease of a name if nobody has it; "": somebody has.
func (db *DB) tryLease(ctx context.Context, name string) (string, error) {
	now := time.Now()
	mine := strconv.FormatInt(now.Add(leaseTime).UnixMilli(), 10) + " " + newID("lease")
	kept, err := db.Setting(ctx, name)
	if errors.Is(err, resource.ErrNotFound) {
		kept, err = db.ClaimSetting(ctx, name, mine)
	}
	switch {
	case errors.Is(err, resource.ErrNotFound), db.target.undone(err): // it was given back in between
		return "", nil
	case err != nil:
		return "", err
	case kept == mine:
		return mine, nil
	case now.UnixMilli() < leaseEnd(kept):
		return "", nil
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		n, err := db.exec(ctx, tx, "UPDATE settings SET value = ? WHERE name = ? AND value = ?", mine, name, kept)
		if n == 0 { // another one was faster
			mine = ""
		}
		return err
	})
	return mine, err
}

// leaseEnd is when a lease ends; 0: it is none.
func leaseEnd(lease string) int64 {
	ms, _, _ := strings.Cut(lease, " ")
	end, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return 0
	}
	return end
}
