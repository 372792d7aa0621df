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
type frugal struct {
	store AffinityStore

	mu   sync.Mutex
	told *simplelru.LRU[string, told] // by last use
}

// told is what a store was told of a key, and until when it need not be told again.
type told struct {
	account string
	until   time.Time
}

// maxTold is of how many keys that is known. A key takes about 300 bytes.
const maxTold = 10_000

func newFrugal(store AffinityStore) *frugal {
	known, _ := simplelru.NewLRU[string, told](maxTold, nil) // fails for no room only
	return &frugal{store: store, told: known}
}

// Get implements [AffinityStore].
func (f *frugal) Get(ctx context.Context, keys ...string) ([]string, error) {
	accounts, err := f.store.Get(ctx, keys...)
	if err != nil || len(accounts) != len(keys) {
		return accounts, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, key := range keys {
		if was, ok := f.told.Peek(key); ok && was.account != accounts[i] {
			f.told.Remove(key)
		}
	}
	return accounts, nil
}

// Put implements [AffinityStore], but for the keys that need not be written.
func (f *frugal) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	now := time.Now()
	fresh := f.fresh(told{account, now.Add(ttl / 4)}, now, keys)
	if len(fresh) == 0 {
		return nil
	}
	err := f.store.Put(ctx, account, ttl, fresh...)
	if err != nil {
		f.forget(fresh)
	}
	return err
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
