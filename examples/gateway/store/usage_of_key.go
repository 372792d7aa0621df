package store

import (
	"context"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// UsageOfKey is what one key used, since ever, as KeyUsage tells it of all.
func (db *DB) UsageOfKey(ctx context.Context, keyID string) (used []resource.KeyUsage, err error) {
	const doing = "reading the usage of"
	statement := "SELECT " + quarterColumns + " FROM key_usages WHERE key_id = ? ORDER BY starts_at"
	rows, err := db.reads.QueryContext(ctx, db.target.bind(statement), keyID)
	if err != nil {
		return nil, wrapID(err, doing, "key", keyID)
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var u resource.KeyUsage
		var start int64
		if err := rows.Scan(&u.KeyID, &start, &u.Requests, &u.InputTokens, &u.OutputTokens, &u.Cost, &u.Charged); err != nil {
			return nil, wrapID(err, doing, "key", keyID)
		}
		u.Start = time.UnixMilli(start).UTC()
		used = append(used, u)
	}
	return used, wrapID(rows.Err(), doing, "key", keyID)
}
