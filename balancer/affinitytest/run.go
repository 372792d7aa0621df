package affinitytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aitransport/aitransport/balancer"
)

// Run checks a store. open returns an empty one, with room for at least 1,000 keys; it is
// called once for each case and may use t.Cleanup to close it. The cases about time wait
// for some six seconds.
func Run(t *testing.T, open func(t *testing.T) balancer.AffinityStore) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if err := p.check(t.Context(), open(t)); err != nil {
				t.Errorf("%v\nthe promise: %s", err, p.text)
			}
		})
	}
}

// promise is one case: what a store promises, and a check that returns what was seen
// instead.
type promise struct {
	name, text string
	check      func(context.Context, balancer.AffinityStore) error
}

var promises = []promise{
	{"unknown", "a key that the store does not know has the account \"\", and that is no error", checkUnknown},
	{"order", "Get returns the accounts of the keys, in their order and as many", checkOrder},
	{"all keys", "Put remembers all of its keys, as many as 128", checkMany},
	{"kept whole", "accounts are kept byte by byte", checkWhole},
	{"apart", "keys that differ in anything are different keys", checkApart},
	{"last counts", "of several calls of Put the last one counts", checkLast},
	{"delete", "Delete forgets its keys and no others, and what is not known is no error", checkDelete},
	{"no keys", "a call that names no keys does nothing", checkNone},
	{"callers own", "the slice that Get returned belongs to the caller, and the keys stay the caller's", checkOwned},
	{"goes", "a key is gone a second after its time at the latest", checkGoes},
	{"stays", "a key is known for its time", checkStays},
	{"time anew", "Put forgets a key's time with its account, be the new one longer or shorter", checkAnew},
	{"reading", "to read a key does not prolong its time", checkReading},
	{"no time", "with a ttl of zero or less the keys are forgotten", checkNoTime},
	{"at once", "of several calls at once each is whole, and none is lost", checkAtOnce},
	{"done context", "with a context that is already done, a method returns an error and nothing happens", checkDone},
}

// long is a time that does not end during a test.
const long = time.Hour

// put remembers the keys.
func put(ctx context.Context, store balancer.AffinityStore, account string, ttl time.Duration, keys ...string) error {
	if err := store.Put(ctx, account, ttl, keys...); err != nil {
		return seen("Put(%q, %v, %q): %w", account, ttl, keys, err)
	}
	return nil
}

// expect checks that key has the account.
func expect(ctx context.Context, store balancer.AffinityStore, key, account string) error {
	got, err := get(ctx, store, key)
	if err == nil && got[0] != account {
		err = seen("Get(%q) returned the account %q, want %q", key, got[0], account)
	}
	return err
}

// get is Get, which must return as many accounts as keys.
func get(ctx context.Context, store balancer.AffinityStore, keys ...string) ([]string, error) {
	got, err := store.Get(ctx, keys...)
	if err != nil {
		return nil, seen("Get(%q): %w", keys, err)
	}
	if len(got) != len(keys) {
		return nil, seen("Get of %d keys returned %d accounts", len(keys), len(got))
	}
	return got, nil
}

// seen is what a check saw instead of what was promised.
func seen(format string, args ...any) error { return fmt.Errorf(format, args...) }
