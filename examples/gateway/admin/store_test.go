package admin_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// memory is a store in memory, which keeps the promises of admin.Store.
type memory struct {
	mu       sync.Mutex
	n        int
	accounts map[string]resource.Account
	keys     map[string]resource.Key
	requests []resource.Request // the newest first
	usage    []resource.DailyUsage
	attempts []resource.AccountUsage

	fail   error           // of every call
	before func(id string) // called before an update, without the lock
	asked  []resource.RequestFilter
	days   []resource.UsageFilter
}

func newMemory() *memory {
	return &memory{accounts: map[string]resource.Account{}, keys: map[string]resource.Key{}}
}

var errBroken = errors.New("the database is away")

func (m *memory) lock() func() { m.mu.Lock(); return m.mu.Unlock }

// now is a time that grows with each call.
func (m *memory) now() time.Time {
	m.n++
	return time.Date(2026, 1, 1, 0, 0, 0, m.n*int(time.Millisecond), time.UTC)
}

func (m *memory) Accounts(context.Context) ([]resource.Account, int64, error) {
	defer m.lock()()
	all := slices.SortedFunc(maps.Values(m.accounts), func(a, b resource.Account) int { return cmp.Compare(a.Name, b.Name) })
	return all, int64(m.n), m.fail
}

func (m *memory) Account(_ context.Context, id string) (resource.Account, error) {
	defer m.lock()()
	a, ok := m.accounts[id]
	if m.fail != nil {
		return a, m.fail
	}
	if !ok {
		return a, fmt.Errorf("reading %q: %w", id, resource.ErrNotFound)
	}
	return a, nil
}

func (m *memory) CreateAccount(_ context.Context, a resource.Account) (resource.Account, error) {
	defer m.lock()()
	if m.fail != nil {
		return a, m.fail
	}
	for _, other := range m.accounts {
		if other.Name == a.Name {
			return a, resource.ErrConflict
		}
	}
	a.CreatedAt = m.now()
	a.UpdatedAt, a.ID = a.CreatedAt, fmt.Sprintf("acc_%04d", m.n)
	m.accounts[a.ID] = a
	return a, nil
}

func (m *memory) UpdateAccount(_ context.Context, a resource.Account) (resource.Account, error) {
	if m.before != nil {
		m.before(a.ID)
	}
	defer m.lock()()
	known, ok := m.accounts[a.ID]
	switch {
	case m.fail != nil:
		return a, m.fail
	case !ok:
		return a, resource.ErrNotFound
	case !a.UpdatedAt.IsZero() && !a.UpdatedAt.Equal(known.UpdatedAt):
		return a, resource.ErrConflict
	}
	a.UpdatedAt = m.now()
	m.accounts[a.ID] = a
	return a, nil
}

func (m *memory) DeleteAccount(_ context.Context, id string) error {
	defer m.lock()()
	if _, ok := m.accounts[id]; !ok {
		return resource.ErrNotFound
	}
	delete(m.accounts, id)
	return m.fail
}

func (m *memory) ListKeys(_ context.Context, f resource.KeyFilter) (keys []resource.Key, next string, err error) {
	defer m.lock()()
	for _, id := range slices.Sorted(maps.Keys(m.keys)) {
		k := m.keys[id]
		if id <= f.Cursor || f.UserID != "" && k.UserID != f.UserID {
			continue
		}
		if len(keys) == f.Limit {
			return keys, keys[f.Limit-1].ID, nil
		}
		keys = append(keys, k)
	}
	return keys, "", m.fail
}

func (m *memory) KeyByID(_ context.Context, id string) (resource.Key, error) {
	defer m.lock()()
	k, ok := m.keys[id]
	if !ok {
		return k, resource.ErrNotFound
	}
	return k, m.fail
}

// keyNamed tells whether another key has the name.
func (m *memory) keyNamed(k resource.Key) bool {
	for id, other := range m.keys {
		if id != k.ID && other.Name == k.Name {
			return true
		}
	}
	return false
}

func (m *memory) CreateKey(_ context.Context, k resource.Key) (resource.Key, error) {
	defer m.lock()()
	if m.keyNamed(k) {
		return k, fmt.Errorf("making the key: %w", resource.ErrNameTaken)
	}
	k.CreatedAt = m.now()
	k.UpdatedAt, k.ID = k.CreatedAt, fmt.Sprintf("key_%04d", m.n)
	m.keys[k.ID] = k
	return k, m.fail
}

func (m *memory) UpdateKey(_ context.Context, k resource.Key) (resource.Key, error) {
	if m.before != nil {
		m.before(k.ID)
	}
	defer m.lock()()
	known, ok := m.keys[k.ID]
	switch {
	case !ok:
		return k, resource.ErrNotFound
	case !k.UpdatedAt.Equal(known.UpdatedAt):
		return k, resource.ErrConflict
	case k.Name != known.Name && m.keyNamed(k):
		return k, resource.ErrNameTaken
	}
	k.UpdatedAt = m.now()
	m.keys[k.ID] = k
	return k, m.fail
}

func (m *memory) DeleteKey(_ context.Context, id string) error {
	defer m.lock()()
	if _, ok := m.keys[id]; !ok {
		return resource.ErrNotFound
	}
	delete(m.keys, id)
	return m.fail
}

func (m *memory) Requests(_ context.Context, f resource.RequestFilter) (list []resource.Request, next string, err error) {
	defer m.lock()()
	m.asked = append(m.asked, f)
	from := 0
	if f.Cursor != "" {
		if from, err = strconv.Atoi(f.Cursor); err != nil {
			return nil, "", err
		}
	}
	for i := from; i < len(m.requests); i++ {
		r := m.requests[i]
		if f.ID != "" && r.ID != f.ID || f.Status != 0 && r.Status != f.Status && r.Status/100 != f.Status {
			continue
		}
		if len(list) == f.Limit {
			return list, strconv.Itoa(i), nil
		}
		list = append(list, r)
	}
	return list, "", m.fail
}

func (m *memory) DailyUsage(_ context.Context, f resource.UsageFilter) ([]resource.DailyUsage, error) {
	defer m.lock()()
	m.days = append(m.days, f)
	return m.usage[:min(len(m.usage), f.Limit)], m.fail
}

func (m *memory) AccountUsage(_ context.Context, account string, f resource.UsageFilter) (list []resource.AccountUsage, err error) {
	defer m.lock()()
	m.days = append(m.days, f)
	for _, u := range m.attempts {
		if account == "" || u.Account == account {
			list = append(list, u)
		}
	}
	return list, m.fail
}
