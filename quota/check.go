package quota

import (
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is what the errors about arguments that make no sense are: errors.Is(err, ErrInvalid). They are the caller's
// mistake, not the store's failure.
var ErrInvalid = errors.New("quota: invalid")

// invalidError is such an error.
type invalidError struct{ text string }

func invalid(format string, args ...any) error { return &invalidError{fmt.Sprintf(format, args...)} }

func (e *invalidError) Error() string        { return e.text }
func (e *invalidError) Is(target error) bool { return target == ErrInvalid }

// CheckReserve is for stores: it says what is wrong with the arguments of a Reserve.
func CheckReserve(key string, limits []Limit, a Amount, ttl time.Duration) error {
	if err := checkTTL(key, ttl); err != nil {
		return err
	}
	return CheckGrant(key, limits, a)
}

// CheckReserveAll is for stores: it says what is wrong with the arguments of a [Charger]'s ReserveAll.
func CheckReserveAll(charges []Charge, a Amount, ttl time.Duration) error {
	for i, c := range charges {
		if err := CheckReserve(c.Key, c.Limits, a, ttl); err != nil {
			return err
		}
		for _, d := range charges[:i] {
			if d.Key == c.Key {
				return invalid("quota: two charges of key %q: use quota.ReserveAll, which makes them one", c.Key)
			}
		}
	}
	return nil
}

// CheckGrant is for stores: it says what is wrong with the arguments of a Grant.
func CheckGrant(key string, limits []Limit, a Amount) error {
	if err := a.Validate(); err != nil {
		return fmt.Errorf("%w (key %q)", err, key)
	}
	return CheckLevels(key, limits)
}

// CheckLevels is for stores: it says what is wrong with the arguments of Levels.
func CheckLevels(key string, limits []Limit) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	for i := range limits {
		if limits[i].plain() {
			continue
		}
		if err := limits[i].Validate(); err != nil {
			return fmt.Errorf("%w (key %q)", err, key)
		}
	}
	return nil
}

// CheckKey is for stores: it says what is wrong with a key.
func CheckKey(key string) error {
	if key == "" {
		return invalid("quota: empty key: name the account or tenant that is charged")
	}
	return nil
}

// CheckShared is for stores that several machines share: it says which of the limits, valid as they are, mean something
// else on each.
func CheckShared(key string, limits []Limit) error {
	for _, l := range limits {
		if l.Unit != InFlight && l.Window.ID() == "" {
			return invalid("quota: limit of %v for key %q: each machine has a zone Local of its own; name the one that is meant, with time.LoadLocation", l, key)
		}
	}
	return nil
}

// CheckSettle is for stores: it says what is wrong with the arguments of a Settle.
func CheckSettle(r Reservation, used Amount) error {
	if r.ID == "" || r.Key == "" {
		return invalid("quota: settling a reservation that Reserve did not return")
	}
	if err := used.Validate(); err != nil {
		return fmt.Errorf("%w (settling for key %q)", err, r.Key)
	}
	return nil
}

// CheckRenew is for stores: it says what is wrong with the arguments of a Renew.
func CheckRenew(r Reservation, ttl time.Duration) error {
	if r.ID == "" || r.Key == "" {
		return invalid("quota: renewing a reservation that Reserve did not return")
	}
	return checkTTL(r.Key, ttl)
}

func checkTTL(key string, ttl time.Duration) error {
	if ttl <= 0 {
		return invalid("quota: ttl %v: say how long the owner may be silent before it is taken for dead, such as time.Minute (key %q)", ttl, key)
	}
	return nil
}
