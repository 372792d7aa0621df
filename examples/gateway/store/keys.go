package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const (
	writtenKeyColumns = "id,name,user_id,hint,hash,enabled,expires_at,requests_per_minute,in_flight,price_rate,details"
	keyColumns        = writtenKeyColumns + ",total_cost,created_at,updated_at"
)

// keyDetails are what of a key no query asks for.
type keyDetails struct {
	Models []string         `json:"models,omitempty"`
	Groups []string         `json:"groups,omitempty"`
	Quotas []resource.Quota `json:"quotas,omitempty"`
}

// Key is the key of a hash, enabled or not; resource.ErrNotFound if there is none.
func (db *DB) Key(ctx context.Context, hash string) (resource.Key, error) {
	return db.key(ctx, "hash", hash)
}

// KeyByID is the key of an id; resource.ErrNotFound if there is none.
func (db *DB) KeyByID(ctx context.Context, id string) (resource.Key, error) {
	return db.key(ctx, "id", id)
}

func (db *DB) key(ctx context.Context, column, value string) (resource.Key, error) {
	statement := db.target.bind("SELECT " + keyColumns + " FROM api_keys WHERE " + column + " = ?")
	k, err := scanKey(db.reads.QueryRowContext(ctx, statement, value))
	return k, failed(err, "reading a key by its %s", column)
}

// ListKeys is a page of the keys, the oldest first, and where the next one begins; "": it
// was the last.
func (db *DB) ListKeys(ctx context.Context, f resource.KeyFilter) (keys []resource.Key, next string, err error) {
	w := where{}
	w.equal("user_id", f.UserID)
	if f.Cursor != "" {
		w.add("id > ?", f.Cursor)
	}
	limit := page(f.Limit)
	statement := db.target.bind("SELECT " + keyColumns + " FROM api_keys" + w.String() + " ORDER BY id LIMIT ?")
	rows, err := db.reads.QueryContext(ctx, statement, append(w.args, limit+1)...)
	if err != nil {
		return nil, "", failed(err, "listing keys")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		if len(keys) == limit {
			next = keys[limit-1].ID
			break
		}
		k, err := scanKey(rows)
		if err != nil {
			return nil, "", failed(err, "listing keys")
		}
		keys = append(keys, k)
	}
	return keys, next, failed(rows.Err(), "listing keys")
}

// CreateKey makes a key, with an id of its own, and returns it as it is kept.
// resource.ErrConflict: there is one of that hash. resource.ErrNameTaken: there is one of
// that name, unless that is "".
func (db *DB) CreateKey(ctx context.Context, k resource.Key) (resource.Key, error) {
	k.ID = newID("key")
	row, err := keyRow(k)
	if err != nil {
		return resource.Key{}, err
	}
	now := time.Now().UnixMilli()
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil { // one at a time
			return err
		}
		if err := db.keyNameFree(ctx, tx, k); err != nil {
			return err
		}
		_, err := db.exec(ctx, tx, insert("api_keys", writtenKeyColumns+",created_at,updated_at", 1), append(row, now, now)...)
		return err
	})
	if err != nil {
		return resource.Key{}, db.keyFailure(err, "making", k)
	}
	return db.KeyByID(ctx, k.ID)
}

// UpdateKey replaces a key by its id, and returns it as it is kept. Its hash and hint stay
// as they are if Hash is "". If UpdatedAt is set, it has to be what it was when the key
// was read: resource.ErrConflict says that somebody has changed it since. Another name has to
// be free: else resource.ErrNameTaken.
func (db *DB) UpdateKey(ctx context.Context, k resource.Key) (resource.Key, error) {
	row, err := keyRow(k)
	if err != nil {
		return resource.Key{}, err
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil { // one at a time
			return err
		}
		var name, hint, hash string
		var updated int64
		statement := db.target.bind("SELECT name, hint, hash, updated_at FROM api_keys WHERE id = ?")
		if err := tx.QueryRowContext(ctx, statement, k.ID).Scan(&name, &hint, &hash, &updated); err != nil {
			return err
		}
		if !k.UpdatedAt.IsZero() && millis(k.UpdatedAt) != updated {
			return resource.ErrConflict
		}
		if k.Name != name { // one that others have already may stay
			if err := db.keyNameFree(ctx, tx, k); err != nil {
				return err
			}
		}
		if k.Hash == "" {
			row[3], row[4] = hint, hash
		}
		args := append(row, max(time.Now().UnixMilli(), updated+1), k.ID)
		_, err := db.exec(ctx, tx, "UPDATE api_keys SET "+assignments(writtenKeyColumns)+", updated_at = ? WHERE id = ?", args...)
		return err
	})
	if err != nil {
		return resource.Key{}, db.keyFailure(err, "changing", k)
	}
	return db.KeyByID(ctx, k.ID)
}

// keyNameFree makes sure that no other key has the name. Whoever asks holds the books.
func (db *DB) keyNameFree(ctx context.Context, tx *sql.Tx, k resource.Key) error {
	if k.Name == "" {
		return nil
	}
	var n int64
	statement := db.target.bind("SELECT COUNT(*) FROM api_keys WHERE name = ? AND id <> ?")
	if err := tx.QueryRowContext(ctx, statement, k.Name, k.ID).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return resource.ErrNameTaken
	}
	return nil
}

// DeleteKey deletes a key. What it used stays in the books.
func (db *DB) DeleteKey(ctx context.Context, id string) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		n, err := db.exec(ctx, tx, "DELETE FROM api_keys WHERE id = ?", id)
		if err == nil && n == 0 {
			err = resource.ErrNotFound
		}
		return err
	})
	return wrapID(err, "deleting", "key", id)
}

// keyRow are the values of writtenKeyColumns.
func keyRow(k resource.Key) ([]any, error) {
	for _, column := range []struct {
		what, text string
		most       int
	}{{"a key's name", k.Name, 255}, {"a key's user_id", k.UserID, 128}, {"a key's hint", k.Hint, 64}, {"a key's hash", k.Hash, 64}} {
		if err := fits(column.what, column.text, column.most); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(keyDetails{k.Models, k.Groups, k.Quotas})
	if err != nil {
		return nil, failed(err, "writing the key %q", k.Name)
	}
	return []any{
		k.ID, k.Name, k.UserID, k.Hint, k.Hash, k.Enabled == nil || *k.Enabled, millis(k.Expires),
		k.RequestsPerMinute, k.InFlight, k.PriceRate, string(text),
	}, nil
}

func scanKey(row interface{ Scan(...any) error }) (resource.Key, error) {
	var (
		k                         resource.Key
		enabled                   bool
		expires, created, updated int64
		text                      string
	)
	err := row.Scan(&k.ID, &k.Name, &k.UserID, &k.Hint, &k.Hash, &enabled, &expires, &k.RequestsPerMinute, &k.InFlight,
		&k.PriceRate, &text, &k.TotalCost, &created, &updated)
	if err != nil {
		return resource.Key{}, err
	}
	var d keyDetails
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return resource.Key{}, fmt.Errorf("the details of the key %s: %w", k.ID, errDamaged)
	}
	k.Enabled, k.Expires, k.CreatedAt, k.UpdatedAt = &enabled, instant(expires), instant(created), instant(updated)
	k.Models, k.Groups, k.Quotas = d.Models, d.Groups, d.Quotas
	return k, nil
}

func (db *DB) keyFailure(err error, doing string, k resource.Key) error {
	if db.target.taken(err) {
		err = fmt.Errorf("there is one of that hash: %w", resource.ErrConflict)
	}
	return failed(err, "%s the key %q", doing, cmp.Or(k.Name, k.ID))
}
