package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

// Accounts are all accounts with their secrets, by name, and the version that they are
// of.
func (db *DB) Accounts(ctx context.Context) (accounts []resource.Account, version int64, err error) {
	// The version first: a change that is made meanwhile is then seen again, not missed.
	if version, err = db.AccountsVersion(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := db.reads.QueryContext(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY name")
	if err != nil {
		return nil, 0, failed(err, "reading the accounts")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		a, err := db.scanAccount(rows)
		if err != nil {
			return nil, 0, err
		}
		accounts = append(accounts, a)
	}
	return accounts, version, failed(rows.Err(), "reading the accounts")
}

// AccountsVersion grows with each change of an account, tokens among them, also by other
// programs. What the store itself counts of an account is no change.
func (db *DB) AccountsVersion(ctx context.Context) (version int64, err error) {
	err = db.reads.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = 'accounts_version'").Scan(&version)
	return version, failed(err, "reading the version of the accounts")
}

// Account is the account of an id, with its secrets; resource.ErrNotFound if there is
// none.
func (db *DB) Account(ctx context.Context, id string) (resource.Account, error) {
	statement := db.target.bind("SELECT " + accountColumns + " FROM accounts WHERE id = ?")
	a, err := db.scanAccount(db.reads.QueryRowContext(ctx, statement, id))
	return a, wrapID(err, "reading", "account", id)
}

// CreateAccount makes an account, with an id of its own, and returns it as it is kept.
// resource.ErrConflict: the name is taken.
func (db *DB) CreateAccount(ctx context.Context, a resource.Account) (resource.Account, error) {
	a.ID = newID("acc")
	row, err := db.accountRow(a)
	if err != nil {
		return resource.Account{}, err
	}
	now := time.Now().UnixMilli()
	err = db.changeAccounts(ctx, func(tx *sql.Tx) error {
		before, err := db.spent(ctx, tx, a.Name)
		if err != nil {
			return err
		}
		statement := insert("accounts", writtenColumns+",cost_before,created_at,updated_at", 1)
		_, err = db.exec(ctx, tx, statement, append(row, before, now, now)...)
		return err
	})
	if err != nil {
		return resource.Account{}, db.accountFailure(err, "making", a)
	}
	return db.Account(ctx, a.ID)
}

// UpdateAccount replaces an account, secrets included, by its id, and returns it as it is
// kept. If UpdatedAt is set, it has to be what it was when the account was read:
// resource.ErrConflict says that somebody has changed it since, a renewed token included;
// read it again. Zero: the last one wins. resource.ErrConflict also says that the name is
// taken.
func (db *DB) UpdateAccount(ctx context.Context, a resource.Account) (resource.Account, error) {
	row, err := db.accountRow(a)
	if err != nil {
		return resource.Account{}, err
	}
	err = db.changeAccounts(ctx, func(tx *sql.Tx) error {
		name, total, updated, err := db.accountState(ctx, tx, a.ID)
		if err != nil {
			return err
		}
		if !a.UpdatedAt.IsZero() && millis(a.UpdatedAt) != updated {
			return resource.ErrConflict
		}
		set := "UPDATE accounts SET " + assignments(writtenColumns) + ", updated_at = ?"
		args := append(row, max(time.Now().UnixMilli(), updated+1))
		if name != a.Name {
			spent, err := db.spent(ctx, tx, a.Name)
			if err != nil {
				return err
			}
			set, args = set+", cost_before = ?", append(args, spent-total)
		}
		_, err = db.exec(ctx, tx, set+" WHERE id = ?", append(args, a.ID)...)
		return err
	})
	if err != nil {
		return resource.Account{}, db.accountFailure(err, "changing", a)
	}
	return db.Account(ctx, a.ID)
}

// DeleteAccount deletes an account. What it cost stays in the books.
func (db *DB) DeleteAccount(ctx context.Context, id string) error {
	err := db.changeAccounts(ctx, func(tx *sql.Tx) error {
		n, err := db.exec(ctx, tx, "DELETE FROM accounts WHERE id = ?", id)
		if err == nil && n == 0 {
			err = resource.ErrNotFound
		}
		return err
	})
	return wrapID(err, "deleting", "account", id)
}

// SaveTokens keeps what an account's OAuth was given. The tokens given are those that
// Account then tells, until it is changed.
func (db *DB) SaveTokens(ctx context.Context, accountID string, t provider.OAuthTokens) error {
	sealed, err := db.vault.sealJSON(t, place(accountID, "oauth_tokens"))
	if err != nil {
		return wrapID(err, "saving the tokens of", "account", accountID)
	}
	err = db.changeAccounts(ctx, func(tx *sql.Tx) error {
		_, _, updated, err := db.accountState(ctx, tx, accountID)
		if err != nil {
			return err
		}
		_, err = db.exec(ctx, tx, "UPDATE accounts SET oauth_tokens = ?, updated_at = ? WHERE id = ?",
			sealed, max(time.Now().UnixMilli(), updated+1), accountID)
		return err
	})
	return wrapID(err, "saving the tokens of", "account", accountID)
}

// changeAccounts has f change accounts, one at a time with others and with the books.
func (db *DB) changeAccounts(ctx context.Context, f func(*sql.Tx) error) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil {
			return err
		}
		if err := db.count(ctx, tx, "accounts_version"); err != nil {
			return err
		}
		if err := db.keyIsOurs(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// accountState is what an account's change has to know.
func (db *DB) accountState(ctx context.Context, tx *sql.Tx, id string) (name string, total, updated int64, err error) {
	statement := db.target.bind("SELECT name, total_cost, updated_at FROM accounts WHERE id = ?")
	err = tx.QueryRowContext(ctx, statement, id).Scan(&name, &total, &updated)
	return name, total, updated, err
}

// spent is what the books have under an account's name.
func (db *DB) spent(ctx context.Context, tx *sql.Tx, name string) (cost int64, err error) {
	statement := db.target.bind("SELECT COALESCE(SUM(cost), 0) FROM account_usages WHERE account = ?")
	err = tx.QueryRowContext(ctx, statement, name).Scan(&cost)
	return cost, err
}

func (db *DB) accountFailure(err error, doing string, a resource.Account) error {
	if db.target.taken(err) {
		err = fmt.Errorf("there is another account of that name: %w", resource.ErrConflict)
	}
	return failed(err, "%s the account %q", doing, a.Name)
}

func wrapID(err error, doing, what, id string) error {
	return failed(err, "%s the %s %q", doing, what, clean(id, 64))
}
