package sqlquota

import (
	"context"
	"math"
	"time"
)

// Purge drops keys of which nothing counts any more, and has not since before; the zero time is now. It drops at most so
// many, those that have been idle for longest first, and returns how many: call it again while that is limit. Nothing is
// lost with them, and one that is used meanwhile stays. When a key is idle is known to the hour.
//
// Call it now and then from one of the programs. The keys are dropped one after the other, each by itself, so that nobody
// waits long; where the error is not nil, some are.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	until := int64(math.MaxInt64)
	if !before.IsZero() {
		until = before.UnixMicro()
	}
	if s.config.Dialect == SQLite { // the others look at the server's clock too
		until = min(until, time.Now().UnixMicro())
	}
	ids, err := s.idle(ctx, until, limit)
	if err != nil {
		return 0, failure(ctx, "looking for idle keys", err)
	}
	for _, id := range ids {
		err := s.retry(ctx, func() error {
			result, err := s.db.ExecContext(ctx, s.sql.purge, id, until)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			purged += int(n)
			return err
		})
		if err != nil {
			return purged, failure(ctx, "purging idle keys", err)
		}
	}
	return purged, nil
}

// idle finds keys that are idle.
func (s *Store) idle(ctx context.Context, until int64, limit int) (ids [][]byte, err error) {
	err = s.retry(ctx, func() error {
		ids = nil
		rows, err := s.db.QueryContext(ctx, s.sql.idle, until, limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what went wrong is in Err
		for rows.Next() {
			var id []byte
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}
