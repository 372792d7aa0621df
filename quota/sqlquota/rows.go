package sqlquota

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/ledger"
)

// row is a key's, locked. Its ledger is nil where there is none.
type row struct {
	id     [sha256.Size]byte
	state  []byte
	exists bool
	ledger *ledger.Ledger
	freed  bool // something was canceled of which nobody had heard
}

// errNothing is what f returns to change where nothing is to be written.
var errNothing = errors.New("nothing to write")

// idleGrain is to how much of a time idle_at is rounded up. It is seldom written anew so, and neither is its index.
const idleGrain = time.Hour

// change locks the rows of the keys, which differ, lets f change their ledgers, which are in the order of the keys, and
// writes them, all in one transaction. Where there is no row it makes one, or has f see nil. If f returns an error nothing
// of it is written, and that is the error. What was lost of the keys is canceled before.
func (s *Store) change(ctx context.Context, doing string, keys []string, create bool, f func([]*ledger.Ledger) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	told := make([][]string, len(keys))
	for i, key := range keys {
		told[i] = s.lost.Of(key)
	}
	var refusal error
	err := s.transact(ctx, func(c *sql.Conn) (bool, error) {
		rows, err := s.lock(ctx, c, keys, create)
		if err != nil {
			return false, err
		}
		ledgers := make([]*ledger.Ledger, len(rows))
		for i := range rows {
			if ledgers[i] = rows[i].ledger; ledgers[i] == nil {
				told[i] = nil // the row may be made yet
			}
			rows[i].cancel(told[i])
		}
		refusal = f(ledgers)
		return s.write(ctx, c, rows, refusal == nil)
	})
	if err != nil {
		return failure(ctx, fmt.Sprintf("%s %q", doing, keys), err)
	}
	for i, key := range keys {
		s.lost.Done(key, told[i])
	}
	if errors.Is(refusal, errNothing) {
		return nil
	}
	return refusal
}

// cancel cancels reservations by their IDs, as far as they are known.
func (r *row) cancel(ids []string) {
	for _, id := range ids {
		if r.ledger.Settle(quota.Reservation{ID: id}, quota.Amount{}) {
			r.freed = true
		}
	}
}

// lock locks the rows, in one order for everybody, and opens their ledgers at the time when all were locked.
func (s *Store) lock(ctx context.Context, c *sql.Conn, keys []string, create bool) ([]row, error) {
	rows := make([]row, len(keys))
	order := make([]int, len(keys))
	for i, key := range keys {
		rows[i].id, order[i] = sha256.Sum256([]byte(key)), i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(rows[a].id[:], rows[b].id[:]) })
	var now time.Time
	for _, i := range order {
		r, query := &rows[i], func() error {
			return s.scan(ctx, c.QueryRowContext, s.sql.lock, &rows[i], &now)
		}
		err := query()
		if err == nil && !r.exists && create {
			if _, err = c.ExecContext(ctx, s.sql.insert, r.id[:], []byte(keys[i]), []byte{}); err == nil {
				err = query()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("locking the row: %w", err)
		}
	}
	for i := range rows {
		if !rows[i].exists {
			if create {
				return nil, fmt.Errorf("the row of %q was made and is not there", keys[i])
			}
			continue
		}
		var err error
		if rows[i].ledger, err = ledger.Open(rows[i].state, now); err != nil {
			return nil, fmt.Errorf("the row of %q: %w", keys[i], err)
		}
	}
	return rows, nil
}

// scan reads a row and the server's time, which it leaves alone if there is no row.
func (s *Store) scan(ctx context.Context, query func(context.Context, string, ...any) *sql.Row, statement string, r *row, now *time.Time) error {
	begin := time.Now()
	var began, waited int64 // microseconds
	err := query(ctx, statement, r.id[:]).Scan(&r.state, &began, &waited)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	r.exists = true
	if *now = time.Now().Round(0); began != 0 {
		wait := time.Duration(waited) * time.Microsecond // by a local clock, which may have been changed meanwhile
		*now = time.UnixMicro(began).Add(min(max(wait, 0), time.Since(begin)))
	}
	return nil
}

// write writes all ledgers; where nothing is to be changed, only those that cannot go on otherwise. It reports whether it
// wrote anything.
func (s *Store) write(ctx context.Context, c *sql.Conn, rows []row, all bool) (wrote bool, err error) {
	for _, r := range rows {
		if r.ledger == nil || !all && !r.freed && !r.ledger.Stepped() {
			continue
		}
		wrote = true
		if _, err := c.ExecContext(ctx, s.sql.update, r.ledger.State(), idleAt(r.ledger), r.id[:]); err != nil {
			return false, fmt.Errorf("writing the row: %w", err)
		}
	}
	return wrote, nil
}

// idleAt is when the row may be purged, in microseconds.
func idleAt(l *ledger.Ledger) int64 {
	at, ok := l.EmptyAt()
	if !ok {
		return math.MaxInt64
	}
	return at.Add(idleGrain - 1).Truncate(idleGrain).UnixMicro()
}
