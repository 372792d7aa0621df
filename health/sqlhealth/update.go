package sqlhealth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aitransport/aitransport/health"
)

// ErrContended is the error of an Update that others forestalled 100 times. It is a [health.ErrSubject].
var ErrContended = fmt.Errorf("others changed the state at every attempt (%w)", health.ErrSubject)

// ErrUnreadable is the error of an Update of a state that cannot be read. It stays as it is: update this program, or
// delete the row. It is a [health.ErrSubject].
var ErrUnreadable = fmt.Errorf("the stored state cannot be read here, and is left as it is (%w)", health.ErrSubject)

const (
	maxAttempts = 100
	patient     = 4 // attempts without a pause
	maxPause    = 32 * time.Millisecond
)

// kept is a subject's row; the zero kept is none.
type kept struct {
	state health.State
	stamp int64
	there bool
}

// Update implements [health.Store].
func (s *Store) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if err := ctx.Err(); err != nil {
		return health.State{}, err
	}
	leave, err := s.lanes.enter(ctx, subject)
	if err != nil {
		return health.State{}, err
	}
	defer leave()
	after, err := s.update(ctx, subject, f)
	if err != nil {
		return health.State{}, fmt.Errorf("sqlhealth: update %s: %w", subject, err)
	}
	return after, nil
}

func (s *Store) update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	id := idOf(subject)
	for attempt := range maxAttempts {
		before, err := s.read(ctx, subject, id)
		if err == nil {
			after := f(before.state)
			if after == before.state {
				return after, nil
			}
			var done bool
			if done, err = s.swap(ctx, subject, id, before, after); done {
				return after, nil
			}
		}
		if err != nil && (s.config.Retryable == nil || !s.config.Retryable(err)) {
			return health.State{}, err
		}
		if err := pause(ctx, attempt); err != nil {
			return health.State{}, err
		}
	}
	return health.State{}, ErrContended
}

func (s *Store) read(ctx context.Context, subject health.Subject, id [sha256.Size]byte) (k kept, err error) {
	var stored []byte
	err = s.db.QueryRowContext(ctx, s.say(`SELECT state, stamp FROM {states} WHERE id = ?`), id[:]).Scan(&stored, &k.stamp)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return kept{}, nil
	case err != nil:
		return kept{}, err
	}
	if err := k.state.UnmarshalBinary(stored); err != nil {
		s.odd.report(subject, err)
		return kept{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	k.there = true
	return k, nil
}

// swap writes the state if the row is as it was read, and tells whether it was.
func (s *Store) swap(ctx context.Context, subject health.Subject, id [sha256.Size]byte, before kept, after health.State) (bool, error) {
	next, _ := after.MarshalBinary()                   // never fails
	now, stamp := time.Now().UnixMilli(), rand.Int64() //nolint:gosec // only to be another than before
	var result sql.Result
	var err error
	switch {
	case before.there && after == (health.State{}):
		result, err = s.db.ExecContext(ctx, s.say(`DELETE FROM {states} WHERE id = ? AND stamp = ?`), id[:], before.stamp)
	case before.there:
		result, err = s.db.ExecContext(ctx, s.say(`UPDATE {states} SET state = ?, stamp = ?, changed_at = ? WHERE id = ? AND stamp = ?`),
			next, stamp, now, id[:], before.stamp)
	default:
		insert := `INSERT INTO {states} (id, subject, state, stamp, changed_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
		if s.config.Dialect == MySQL {
			insert = `INSERT IGNORE INTO {states} (id, subject, state, stamp, changed_at) VALUES (?, ?, ?, ?, ?)`
		}
		result, err = s.db.ExecContext(ctx, s.say(insert), id[:], []byte(subject.String()), next, stamp, now)
	}
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// pause waits before the next attempt, longer after each, unless the context ends.
func pause(ctx context.Context, attempt int) error {
	if attempt < patient {
		return ctx.Err()
	}
	most := min(time.Millisecond<<min(attempt-patient, 10), maxPause)
	timer := time.NewTimer(most/2 + rand.N(most/2+1)) //nolint:gosec // only to be apart
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
