package sqlquota

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	maxTries    = 50 // of a transaction that the database undoes; with the waits between, some seconds
	firstWait   = time.Millisecond
	longestWait = 200 * time.Millisecond
	maxFresh    = 5 // connections that are new and on which no transaction can begin

	rollbackTimeout = 5 * time.Second // in SQLite, which answers at once
)

// beginError is that a transaction could not begin on a connection that the pool had kept: nothing has happened, and the
// next connection may be sound.
type beginError struct{ error }

func (e *beginError) Unwrap() error { return e.error }

// commitError is that the COMMIT of a transaction failed: it may have been carried out.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

// transact has f do everything in one transaction, and again where the database undid it. It is committed if f says so,
// and rolled back otherwise.
func (s *Store) transact(ctx context.Context, f func(*sql.Conn) (commit bool, err error)) error {
	if s.writer != nil { // SQLite: who waits here waits for its turn, and not at random
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.retry(ctx, func() error {
		c, err := s.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		defer func() { _ = c.Close() }() // it goes back to the pool, or was dropped
		return s.once(ctx, c, f)
	})
}

// once is one transaction on a connection, which is dropped where its state is not known.
func (s *Store) once(ctx context.Context, c *sql.Conn, f func(*sql.Conn) (bool, error)) error {
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	open := true
	defer func() {
		if open { // a panic too
			s.rollBack(ctx, c)
		}
	}()
	commit, err := f(c)
	if err != nil || !commit {
		return err
	}
	if _, err := c.ExecContext(ctx, `COMMIT`); err != nil {
		return &commitError{fmt.Errorf("committing: %w", err)}
	}
	open = false
	return nil
}

func (s *Store) begin(ctx context.Context, c *sql.Conn) error {
	for _, statement := range s.sql.begin {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			if !s.retryable(err) {
				drop(c)
			}
			return &beginError{fmt.Errorf("beginning a transaction: %w", err)}
		}
	}
	return nil
}

// rollBack ends the transaction. Where the connection cannot say so any more it is dropped, and the server does it.
func (s *Store) rollBack(ctx context.Context, c *sql.Conn) {
	if s.config.Dialect == SQLite {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
	}
	if _, err := c.ExecContext(ctx, `ROLLBACK`); err != nil {
		drop(c)
	}
}

// drop closes a connection that is not to be used again.
func drop(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn }) // which is how the pool is told, and what it returns
}

// retry does it again, a bounded number of times and after a pause, while the error says that the database undid it or that
// the connection was broken before anything happened.
func (s *Store) retry(ctx context.Context, f func() error) error {
	wait, fresh := firstWait, 0
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == maxTries || over(ctx) != nil {
			return err
		}
		old := false // the next connection may be as old and as broken, but there is no need to wait longer for it
		if !s.retryable(err) {
			if !s.stale(err) {
				return err
			}
			if old = s.db.Stats().Idle > 0; !old {
				fresh++
			}
			if fresh > maxFresh {
				return err
			}
		}
		select {
		case <-time.After(rand.N(wait) + 1): //nolint:gosec // so that they do not meet again
		case <-ctx.Done():
			return err
		}
		if !old {
			wait = min(2*wait, longestWait)
		}
	}
}

// failure is an error of the store about what it was doing, and of the context if it is over.
func failure(ctx context.Context, doing string, err error) error {
	if why := over(ctx); why != nil && !errors.Is(err, why) {
		return fmt.Errorf("sqlquota: %s: %w: %w", doing, why, err)
	}
	return fmt.Errorf("sqlquota: %s: %w", doing, err)
}

// over is why the context is over; nil: it is not. A connection that heeds its deadline may notice before it does.
func over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
