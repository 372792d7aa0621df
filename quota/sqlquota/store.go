package sqlquota

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/ledger"
	"github.com/aitransport/aitransport/quota/internal/lost"
)

// Store is a quota.Store in a SQL database. It is a Renewer, an Inspector, a Granter and a Charger too. Its methods may be
// called by any number of goroutines, of any number of programs. It has no goroutine and needs no Close; the *sql.DB is
// the caller's, and so are its bounds on connections: each call takes one while it runs, and waits for one under its
// context.
//
// A call whose transaction the database undoes, for a deadlock or the like, tries again up to 50 times, for some seconds
// at most and never beyond its context. One that cannot begin, since its connection broke while nobody used it, goes on
// with the next connection, of those that are new with a few. An error that is neither ErrExceeded, ErrExpired nor
// ErrInvalid is the database's. Windows in time.Local are refused: each machine has its own.
//
// A Reserve whose COMMIT failed may have been carried out. The next call of this Store that changes something of its key
// cancels what it may have reserved, in the same transaction. 10,000 such are remembered, 1,000 of a key; more of them,
// and those of a program that ends, expire by themselves.
type Store struct {
	db     *sql.DB
	config Config
	sql    statements
	writer chan struct{} // SQLite has one; nil: the others have many
	lost   lost.List     // reservations of which it is not known whether they were committed
}

var _ interface {
	quota.Store
	quota.Renewer
	quota.Inspector
	quota.Granter
	quota.Charger
	quota.Patient
} = (*Store)(nil)

// timeLimit is shorter than the 5 s that the balancer gives all that it asks of a store for a request.
const timeLimit = 4 * time.Second

// TimeLimit implements [quota.Patient]: 4 s, for calls of one key, and in SQLite all calls, wait for each other.
func (s *Store) TimeLimit() time.Duration { return timeLimit }

// New is a Store in a database whose tables Migrate made. It is an error if they are not there, or of another version than
// this package's.
func New(ctx context.Context, db *sql.DB, c Config) (*Store, error) {
	s, err := newStore(db, c)
	if err != nil {
		return nil, err
	}
	version := 0
	err = s.retry(ctx, func() error { return db.QueryRowContext(ctx, s.sql.version).Scan(&version) })
	switch {
	case err != nil:
		return nil, failure(ctx, fmt.Sprintf("reading the version of the tables from %sschema, which Migrate makes", s.config.Prefix), err)
	case version != len(migrations):
		return nil, fmt.Errorf("sqlquota: the tables %s… are of version %d, and this program knows %d: call Migrate, or update the program", s.config.Prefix, version, len(migrations))
	default:
		return s, nil
	}
}

func newStore(db *sql.DB, c Config) (*Store, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlquota: no *sql.DB")
	}
	s := &Store{db: db, config: c, sql: statementsFor(c)}
	if c.Dialect == SQLite {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}

// Reserve implements [quota.Store].
func (s *Store) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if err := quota.CheckReserve(key, limits, a, ttl); err != nil {
		return quota.Reservation{}, err
	}
	rs, err := s.reserve(ctx, []quota.Charge{{Key: key, Limits: limits}}, a, ttl)
	if err != nil {
		return quota.Reservation{}, err
	}
	return rs[0], nil
}

// ReserveAll implements [quota.Charger].
func (s *Store) ReserveAll(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) ([]quota.Reservation, error) {
	if err := quota.CheckReserveAll(charges, a, ttl); err != nil {
		return nil, err
	}
	return s.reserve(ctx, charges, a, ttl)
}

// reserve reserves for all of the charges, which make sense, or for none.
func (s *Store) reserve(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) ([]quota.Reservation, error) {
	keys := make([]string, len(charges))
	for i, c := range charges {
		if err := quota.CheckShared(c.Key, c.Limits); err != nil {
			return nil, err
		}
		keys[i] = c.Key
	}
	if len(keys) == 0 {
		return nil, ctx.Err()
	}
	rs := make([]quota.Reservation, len(charges))
	err := s.change(ctx, "reserving for", keys, true, func(ls []*ledger.Ledger) error {
		for i, c := range charges {
			if err := s.fit(ls[i], c, a); err != nil {
				return err
			}
		}
		for i, c := range charges {
			rs[i] = ls[i].Charge(c.Key, c.Limits, a, ttl)
		}
		return nil
	})
	if errors.As(err, new(*commitError)) {
		for _, r := range rs {
			s.lost.Add(r.Key, r.ID, ttl)
		}
	}
	if err != nil {
		return nil, err
	}
	return rs, nil
}

func (s *Store) fit(l *ledger.Ledger, c quota.Charge, a quota.Amount) error {
	if err := l.Fit(c.Key, c.Limits, a); err != nil {
		return err
	}
	if most := s.config.MaxReservations; most > 0 && l.Reservations() >= most {
		return fmt.Errorf("sqlquota: %q refused: %d of its reservations can still be settled, the most that Config.MaxReservations allows: settle them, give them a shorter ttl or raise it: %w", c.Key, most, quota.ErrFull)
	}
	return nil
}

// Settle implements [quota.Store].
func (s *Store) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if err := quota.CheckSettle(r, used); err != nil {
		return err
	}
	return s.settle(ctx, []quota.Reservation{r}, used)
}

// SettleAll implements [quota.Charger]. Either all that are known are settled, or none.
func (s *Store) SettleAll(ctx context.Context, rs []quota.Reservation, used quota.Amount) error {
	known := make([]quota.Reservation, 0, len(rs))
	var errs []error
	for _, r := range rs {
		if err := quota.CheckSettle(r, used); err != nil {
			errs = append(errs, err)
			continue
		}
		known = append(known, r)
	}
	if err := s.settle(ctx, known, used); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// settle settles reservations that make sense.
func (s *Store) settle(ctx context.Context, rs []quota.Reservation, used quota.Amount) error {
	var keys []string
	place := make(map[string]int, len(rs))
	for _, r := range rs {
		if _, ok := place[r.Key]; !ok {
			place[r.Key] = len(keys)
			keys = append(keys, r.Key)
		}
	}
	if len(keys) == 0 {
		return ctx.Err()
	}
	return s.change(ctx, "settling for", keys, false, func(ls []*ledger.Ledger) error {
		err := errNothing
		for _, r := range rs {
			if l := ls[place[r.Key]]; l != nil && l.Settle(r, used) {
				err = nil
			}
		}
		return err
	})
}

// Renew implements [quota.Renewer].
func (s *Store) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (renewed quota.Reservation, err error) {
	if err := quota.CheckRenew(r, ttl); err != nil {
		return quota.Reservation{}, err
	}
	err = s.change(ctx, "renewing for", []string{r.Key}, false, func(ls []*ledger.Ledger) error {
		if ls[0] == nil {
			return quota.ErrExpired
		}
		var ok bool
		if renewed, ok = ls[0].Renew(r, ttl); !ok {
			return quota.ErrExpired
		}
		return nil
	})
	if err != nil {
		return quota.Reservation{}, err
	}
	return renewed, nil
}
