package quota

import (
	"context"
	"errors"
	"time"
)

// Store keeps the counts. Its methods may be called by any number of goroutines, and for a shared store by any number of
// processes. The suite in quotatest checks these promises.
//
// Each method is one whole act: it either happened or, where the error is not nil, is not known to have happened. With a
// context that is already done it returns an error and nothing happens. Arguments that make no sense (an empty key, a ttl
// that is not above 0, an invalid limit, a negative amount) are errors, and nothing happens.
type Store interface {
	// Reserve charges the amount to every limit of the key, or to none: if one has no room, the error is an
	// *ExceededError (errors.Is(err, ErrExceeded)) about the limit that will have room last. A limit has room if what is
	// used and the amount are together at most Max; a limit whose unit the amount has none of has room unless it is in
	// debt. The reservation counts as one in flight for its key, whether or not a limit asks.
	//
	// If it is neither settled nor renewed within ttl, its owner is taken for dead: it is no longer in flight, and the
	// estimate stands as what was used.
	Reserve(ctx context.Context, key string, limits []Limit, a Amount, ttl time.Duration) (Reservation, error)

	// Settle replaces the estimate by what was used, in the limits that were reserved, and ends the reservation: once,
	// however often it is called, and the first call counts. The zero Amount cancels: everything is given back. More than
	// was reserved is booked as debt. A reservation that has expired can still be settled for at least one more ttl;
	// after that, settling it changes nothing. Neither is an error.
	Settle(ctx context.Context, r Reservation, used Amount) error
}

// Renewer is a Store whose reservations can be made to last longer, for streams that outlive the ttl.
type Renewer interface {
	// Renew makes the reservation expire ttl from now, and returns it with its new Expires. A reservation that was settled
	// or has expired cannot be renewed: ErrExpired.
	Renew(ctx context.Context, r Reservation, ttl time.Duration) (Reservation, error)
}

// Inspector is a Store that can be looked into.
type Inspector interface {
	// Levels returns how far each of the limits is used, in their order and as many. It reserves nothing: what it says may
	// be over by the time it is read.
	Levels(ctx context.Context, key string, limits []Limit) ([]Level, error)

	// Reset forgets what the key has used, in every window. Reservations that live stay in flight; what they give back
	// later was already forgotten, and what they use above their estimate counts.
	Reset(ctx context.Context, key string) error
}

// Reservation is what Reserve returns and Settle takes. It is a value: copy it, keep it, send it to another process that
// shares the store. ID and Key are enough to settle and to renew it. The zero Reservation is none; settling it is an
// error.
type Reservation struct {
	ID      string    // the store's name for it
	Key     string    // what it is charged to
	Expires time.Time // when its owner is taken for dead, unless renewed
}

// Level is how far a limit is used.
type Level struct {
	Limit   Limit
	Used    int64     // above Limit.Max: debt; below 0: more was granted than used
	Left    int64     // Max less Used, at least 0
	EmptyAt time.Time // when all that is used now will have left the window; zero: nothing is used, or it never will by itself
}

// Granter is a Store whose keys can be given more than their limits allow.
type Granter interface {
	// Grant takes the amount off what the key has used of the limits, each count once: what was used comes back, and what
	// is above that is had on top of Max, so that Used is below 0. It is as if so much less had been spent at this moment,
	// and so lasts as long as a spend does: until the window has passed, in the total window for ever, and never beyond a
	// Reset. What is in flight is not granted. Max of a limit does not matter.
	//
	// Where the error is not nil, it is not known whether it happened; doing it again may give twice.
	Grant(ctx context.Context, key string, limits []Limit, a Amount) error
}

// Charger is a Store that charges several keys in one act. Callers use [ReserveAll] and [SettleAll], which are for every
// store.
type Charger interface {
	// ReserveAll reserves the amount for each of the charges, whose keys differ, or for none. The reservations are in
	// the order of the charges. If there is no room, the *ExceededError is that of the first charge that has none.
	ReserveAll(ctx context.Context, charges []Charge, a Amount, ttl time.Duration) ([]Reservation, error)

	// SettleAll settles each of the reservations, as Settle does. Where the error is not nil, some may be settled;
	// settling them again does no harm.
	SettleAll(ctx context.Context, rs []Reservation, used Amount) error
}

// Patient is a Store whose calls may take long though it is sound, since they wait for each other.
type Patient interface {
	// TimeLimit is for how long a call may take before a [Guard] takes the store for broken, unless GuardConfig.Timeout
	// says so; 0 and below: no more than others.
	TimeLimit() time.Duration
}

// ErrExpired is the error of renewing a reservation that is no longer there.
var ErrExpired = errors.New("quota: reservation settled or expired")
