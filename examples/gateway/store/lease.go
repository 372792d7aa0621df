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

	leaseUndo = 5 * time.Second // how long giving one back may take that nobody was told of

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
		return wrapID(db.endLease(ctx, name, lease), "giving back the lease of the tokens of", "account", accountID)
	}
	a, err := db.Account(ctx, accountID)
	if err != nil {
		return stored, nil, errors.Join(err, db.undoLease(ctx, name, lease))
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

// endLease gives a lease back, if it is still held.
func (db *DB) endLease(ctx context.Context, name, lease string) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := db.exec(ctx, tx, "DELETE FROM settings WHERE name = ? AND value = ?", name, lease)
		return err
	})
}

// undoLease is endLease for whoever may have no time left.
func (db *DB) undoLease(ctx context.Context, name, lease string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseUndo)
	defer cancel()
	return db.endLease(ctx, name, lease)
}

// tryLease takes the lease of a name if nobody has it; "": somebody has. One that was asked
// for is given back where the answer did not come: it may have been taken.
func (db *DB) tryLease(ctx context.Context, name string) (string, error) {
	now := time.Now()
	mine := strconv.FormatInt(now.Add(leaseTime).UnixMilli(), 10) + " " + newID("lease")
	lease, asked, err := db.takeLease(ctx, name, mine, now)
	if err == nil {
		return lease, nil
	}
	if asked {
		if undo := db.undoLease(ctx, name, mine); undo != nil {
			return "", errors.Join(err, undo)
		}
	}
	if db.target.undone(err) {
		return "", nil
	}
	return "", err
}

// takeLease has mine be the lease of a name if nobody has it, and tells whether it was asked
// for.
func (db *DB) takeLease(ctx context.Context, name, mine string, now time.Time) (lease string, asked bool, err error) {
	kept, err := db.Setting(ctx, name)
	if errors.Is(err, resource.ErrNotFound) {
		asked = true
		kept, err = db.ClaimSetting(ctx, name, mine)
	}
	switch {
	case errors.Is(err, resource.ErrNotFound): // it was given back in between
		return "", asked, nil
	case err != nil:
		return "", asked, err
	case kept == mine:
		return mine, asked, nil
	case now.UnixMilli() < leaseEnd(kept):
		return "", asked, nil
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		n, err := db.exec(ctx, tx, "UPDATE settings SET value = ? WHERE name = ? AND value = ?", mine, name, kept)
		if lease = mine; n == 0 { // another one was faster
			lease = ""
		}
		return err
	})
	return lease, true, err
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
