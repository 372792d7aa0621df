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

// ErrUnreadable is the error of an Update of a state that a later version wrote. It stays as it is: update this program,
// or delete the row. It is a [health.ErrSubject].
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
	odd   bool // it is damaged, and taken for healthy
}

// format is the number that begins the states of this version, and of none before it a greater one.
var format = func() byte {
	b, _ := health.State{Failures: 1}.MarshalBinary() // never fails
	return b[0]
}()

// Update implements [health.Store]. A damaged state is taken for healthy and replaced.
func (s *Store) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (after health.State, err error) {
	var odd error // told of when the lane is free
	if err = ctx.Err(); err == nil {
		after, odd, err = s.inTurn(ctx, subject, f)
	}
	if odd != nil {
		s.odd.report(subject, odd)
	}
	if err != nil {
		return health.State{}, fmt.Errorf("sqlhealth: update %s: %w", subject, err)
	}
	return after, nil
}

// inTurn updates when those of this program have done so who came before. odd is why the state could not be read.
func (s *Store) inTurn(ctx context.Context, subject health.Subject, f func(health.State) health.State) (after health.State, odd, err error) {
	leave, err := s.lanes.enter(ctx, subject)
	if err != nil {
		return health.State{}, nil, err
	}
	defer leave()
	id := idOf(subject)
	for attempt := range maxAttempts {
		var before kept
		before, odd, err = s.read(ctx, id)
		if err == nil {
			after = f(before.state)
			if after == before.state && !before.odd {
				return after, odd, nil
			}
			var done bool
			if done, err = s.swap(ctx, subject, id, before, after); done {
				return after, odd, nil
			}
		}
		if err != nil && !s.config.retryable(err) {
			return health.State{}, odd, err
		}
		if pauseErr := pause(ctx, attempt); pauseErr != nil {
			return health.State{}, odd, errors.Join(pauseErr, err)
		}
	}
	if err == nil {
		err = ErrContended
	}
	return health.State{}, odd, err
}

// read is the subject's row. odd is why its state could not be read.
func (s *Store) read(ctx context.Context, id [sha256.Size]byte) (k kept, odd, err error) {
	var stored []byte
	err = s.db.QueryRowContext(ctx, s.say(`SELECT state, stamp FROM {states} WHERE id = ?`), id[:]).Scan(&stored, &k.stamp)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return kept{}, nil, nil
	case err != nil:
		return kept{}, nil, err
	}
	k.there = true
	if odd = k.state.UnmarshalBinary(stored); odd == nil {
		return k, nil, nil
	}
	if len(stored) > 0 && stored[0] > format {
		return kept{}, odd, fmt.Errorf("%w: %w", ErrUnreadable, odd)
	}
	k.state, k.odd = health.State{}, true
	return k, odd, nil
}

// swap writes the state if the row is as it was read, and tells whether it was.
func (s *Store) swap(ctx context.Context, subject health.Subject, id [sha256.Size]byte, before kept, after health.State) (bool, error) {
	next, _ := after.MarshalBinary()                            // never fails
	expires, stamp := s.expiry(after, time.Now()), rand.Int64() //nolint:gosec // only to be another than before
	var result sql.Result
	var err error
	switch {
	case before.there && after == (health.State{}):
		result, err = s.db.ExecContext(ctx, s.say(`DELETE FROM {states} WHERE id = ? AND stamp = ?`), id[:], before.stamp)
	case before.there:
		result, err = s.db.ExecContext(ctx, s.say(`UPDATE {states} SET state = ?, stamp = ?, expires_at = ? WHERE id = ? AND stamp = ?`),
			next, stamp, expires, id[:], before.stamp)
	default:
		insert := `INSERT INTO {states} (id, subject, state, stamp, expires_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
		if s.config.Dialect == MySQL {
			insert = `INSERT IGNORE INTO {states} (id, subject, state, stamp, expires_at) VALUES (?, ?, ?, ?, ?)`
		}
		result, err = s.db.ExecContext(ctx, s.say(insert), id[:], subject.String(), next, stamp, expires)
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
