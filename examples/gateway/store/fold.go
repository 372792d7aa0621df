package store

import (
	"context"
	"database/sql"
	"time"
)

// foldQuarters adds the usage of some quarters to that of the first in their month, for
// months that are over by then. The counter quarters_folded is the month that it is at.
func (db *DB) foldQuarters(ctx context.Context, by time.Time) (more bool, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil {
			return err
		}
		month, err := db.monthToFold(ctx, tx)
		if err != nil || month.IsZero() || month.AddDate(0, 1, 0).After(by) {
			more = false
			return err
		}
		quarters, err := db.quartersAfter(ctx, tx, month)
		if err != nil {
			return err
		}
		more = true
		if len(quarters) == 0 {
			_, err := db.exec(ctx, tx, "UPDATE counters SET value = ? WHERE name = 'quarters_folded'", month.AddDate(0, 1, 0).UnixMilli())
			return err
		}
		folded := map[quarterKey]usage{}
		for key, u := range quarters {
			addTo(folded, quarterKey{key.Key, month.UnixMilli()}, u)
			if _, err := db.exec(ctx, tx, "DELETE FROM key_usages WHERE key_id = ? AND starts_at = ?", key.Key, key.StartsAt); err != nil {
				return err
			}
		}
		return db.addQuarters(ctx, tx, folded)
	})
	return more && err == nil, err
}

// monthToFold is the month that folding is at: at first that of the oldest quarter. Zero:
// there is none.
func (db *DB) monthToFold(ctx context.Context, tx *sql.Tx) (time.Time, error) {
	var at int64
	if err := tx.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = 'quarters_folded'").Scan(&at); err != nil {
		return time.Time{}, err
	}
	if at == 0 {
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MIN(starts_at), 0) FROM key_usages").Scan(&at); err != nil || at == 0 {
			return time.Time{}, err
		}
	}
	t := time.UnixMilli(at).UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC), nil
}

// quartersAfter are some of a month's quarters but the first.
func (db *DB) quartersAfter(ctx context.Context, tx *sql.Tx, month time.Time) (map[quarterKey]usage, error) {
	statement := "SELECT " + quarterColumns + " FROM key_usages WHERE starts_at > ? AND starts_at < ? ORDER BY starts_at LIMIT ?"
	rows, err := tx.QueryContext(ctx, db.target.bind(statement), month.UnixMilli(),
		month.AddDate(0, 1, 0).UnixMilli(), purgeRows)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	quarters := map[quarterKey]usage{}
	for rows.Next() {
		var key quarterKey
		var u usage
		if err := rows.Scan(&key.Key, &key.StartsAt, &u.Requests, &u.Input, &u.Output, &u.Cost, &u.Charged); err != nil {
			return nil, err
		}
		quarters[key] = u
	}
	return quarters, rows.Err()
}
