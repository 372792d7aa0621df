package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// masterKeyCheck is the setting that tells one master key from another.
const masterKeyCheck = "master_key_check"

// Rotate encrypts all secrets under another master key, 32 bytes, in one transaction, and
// returns how many accounts have some. Then the database opens with that key alone. The DB
// is of no use afterwards, but to be closed; programs that have the database open
// with the key before can neither read nor write accounts from then on. With an error
// nothing has changed, unless the answer to the COMMIT was lost.
func (db *DB) Rotate(ctx context.Context, key []byte) (accounts int, err error) {
	if len(key) != keySize {
		return 0, failed(errors.New("write 32 bytes"), "reading the other master key")
	}
	other, err := newVault(key)
	if err != nil {
		return 0, err
	}
	err = db.changeAccounts(ctx, func(tx *sql.Tx) (err error) {
		if accounts, err = db.reseal(ctx, tx, other); err != nil {
			return err
		}
		_, err = db.exec(ctx, tx, "UPDATE settings SET value = ? WHERE name = ?", other.seal(masterKeyText, masterKeyCheck), masterKeyCheck)
		return err
	})
	return accounts, failed(err, "encrypting all secrets under another master key")
}

// sealedColumns are those of an account that are encrypted.
var sealedColumns = []string{"secret", "oauth", "oauth_tokens", "proxy_secret", "header"}

// reseal encrypts what the accounts have under another key.
func (db *DB) reseal(ctx context.Context, tx *sql.Tx, other vault) (accounts int, err error) {
	all, err := db.sealed(ctx, tx)
	if err != nil {
		return 0, err
	}
	columns := strings.Join(sealedColumns, ",")
	for id, values := range all {
		args, some := make([]any, 0, len(values)+1), false
		for i, value := range values {
			at := place(id, sealedColumns[i])
			text, err := db.vault.open(value, at)
			if err != nil {
				return 0, failed(err, "reading the %s of the account %s", sealedColumns[i], id)
			}
			some = some || text != ""
			args = append(args, other.seal(text, at))
		}
		if _, err := db.exec(ctx, tx, "UPDATE accounts SET "+assignments(columns)+" WHERE id = ?", append(args, id)...); err != nil {
			return 0, err
		}
		if some {
			accounts++
		}
	}
	return accounts, nil
}

// sealed are the encrypted columns of all accounts, by their ids.
func (db *DB) sealed(ctx context.Context, tx *sql.Tx) (map[string][]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id,"+strings.Join(sealedColumns, ",")+" FROM accounts") //nolint:gosec // our own names
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	all := make(map[string][]string)
	for rows.Next() {
		var id string
		values := make([]string, len(sealedColumns))
		into := []any{&id}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all[id] = values
	}
	return all, rows.Err()
}

// keyIsOurs makes sure that the master key has not been rotated since Open: what we write
// could not be read. Whoever asks holds the accounts.
func (db *DB) keyIsOurs(ctx context.Context, tx *sql.Tx) error {
	var check string
	statement := db.target.bind("SELECT value FROM settings WHERE name = ?")
	switch err := tx.QueryRowContext(ctx, statement, masterKeyCheck).Scan(&check); {
	case errors.Is(err, sql.ErrNoRows):
		return resource.ErrNotFound
	case err != nil:
		return err
	}
	_, err := db.vault.open(check, masterKeyCheck)
	return err
}
