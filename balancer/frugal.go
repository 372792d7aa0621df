package balancer

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// frugal spares an AffinityStore the writes that would tell it again what it was told
// in the last quarter of the time for which it is to remember that. So whatever is used
// can be put each time, and what is put is known for three quarters of its time at least.
// A key that the store then does not know, or of which it knows another account, is
// written at the next occasion. What is written by whom else plays no part: at worst
// there are more writes.
//
// What the store could not be told, since it was broken, is known here all the same, and
// told when it answers again: by the calls that follow, a part by each.
type frugal struct {
	store AffinityStore

	mu   sync.Mutex
	told *simplelru.LRU[string, told] // by last use
	late map[string]time.Time         // what the store could not be told, and until when it is to know that
}

// told is what a store was told of a key, and until when it need not be told again.
type told struct {
	account string
	until   time.Time // zero: it could not be told
}

// maxTold is of how many keys that is known. A key takes about 300 bytes.
const maxTold = 10_000

func newFrugal(store AffinityStore) *frugal {
	known, _ := simplelru.NewLRU[string, told](maxTold, nil) // fails for no room only
	return &frugal{store: store, told: known, late: make(map[string]time.Time)}
}

// Get implements [AffinityStore].
func (f *frugal) Get(ctx context.Context, keys ...string) ([]string, error) {
	accounts, err := f.store.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	f.compare(keys, accounts)
	f.makeUp(ctx)
	return accounts, nil
}

// compare notes what the store knows otherwise than here, and adds to its answer what it
// was not told.
func (f *frugal) compare(keys, accounts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, key := range keys {
		was, ok := f.told.Peek(key)
		switch {
		case !ok || was.account == accounts[i]:
		case accounts[i] == "" && was.until.IsZero():
			accounts[i] = was.account
		default:
			f.told.Remove(key)
		}
	}
}

// recall is what is known here of keys, as in Get.
func (f *frugal) recall(keys []string) (accounts []string, some bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	accounts = make([]string, len(keys))
	for i, key := range keys {
		if was, ok := f.told.Peek(key); ok {
			accounts[i], some = was.account, true
		}
	}
	return accounts, some
}

// Put implements [AffinityStore], but for the keys that need not be written.
func (f *frugal) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	if wrote, err := f.put(ctx, account, ttl, keys); err != nil || !wrote {
		return err
	}
	f.makeUp(ctx)
	return nil
}

// put is Put, and tells whether anything had to be written.
func (f *frugal) put(ctx context.Context, account string, ttl time.Duration, keys []string) (wrote bool, err error) {
	now := time.Now()
	fresh := f.fresh(told{account, now.Add(ttl / 4)}, now, keys)
	if len(fresh) == 0 {
		return false, nil
	}
	if err = f.store.Put(ctx, account, ttl, fresh...); err != nil {
		f.postpone(account, now.Add(ttl), fresh)
	}
	return true, err
}

// postpone notes that the store could not be told of keys.
func (f *frugal) postpone(account string, until time.Time, keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		f.told.Add(key, told{account: account})
		f.late[key] = until
	}
	for key := range f.late {
		if len(f.late) <= maxTold {
			return
		}
		delete(f.late, key)
	}
}

// makeUp tells the store some of what it could not be told, after a call that it has
// answered. What it cannot be told now either stays for later: its breaker says so.
func (f *frugal) makeUp(ctx context.Context) {
	if account, until, keys := f.owed(time.Now()); len(keys) > 0 {
		_, _ = f.put(ctx, account, time.Until(until), keys)
	}
}

// owed takes out keys of one account that the store is still to be told of, and until
// when it is to know them.
func (f *frugal) owed(now time.Time) (account string, until time.Time, keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, end := range f.late {
		was, ok := f.told.Peek(key)
		switch {
		case !ok || !was.until.IsZero() || !end.After(now): // it was told since, or is of no use any more
			delete(f.late, key)
		case len(keys) == maxObjects:
			return account, until, keys
		case account == "" || account == was.account:
			account, until, keys = was.account, end, append(keys, key)
			delete(f.late, key)
		}
	}
	return account, until, keys
}

// Delete implements [AffinityStore].
func (f *frugal) Delete(ctx context.Context, keys ...string) error {
	f.forget(keys)
	return f.store.Delete(ctx, keys...)
}

// fresh is which of the keys are to be written, and notes that they are.
func (f *frugal) fresh(word told, now time.Time, keys []string) (fresh []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		was, ok := f.told.Get(key)
		if ok && was.account == word.account && now.Before(was.until) {
			continue
		}
		f.told.Add(key, word)
		fresh = append(fresh, key)
	}
	return fresh
}

func (f *frugal) forget(keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		f.told.Remove(key)
	}
}
