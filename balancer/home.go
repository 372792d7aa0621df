package balancer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// defaultAffinityTTL is as long as OpenAI keeps a response (provider-facts 3).
const defaultAffinityTTL = 30 * 24 * time.Hour

// pinned finds the one account that has what a request names: a stored response, a
// file, a batch. nil and no error: nobody knows of one.
func (c *chooser) pinned() (*member, error) {
	r := c.r
	if r.Hint.Account != "" {
		m := r.route.named(r.Hint.Account)
		if m == nil {
			return nil, &Error{Err: fmt.Errorf("%w: %s: %s", ErrNoAccount, short(r.Hint.Account), c.missing(r.Hint.Account))}
		}
		if reason := m.suits(r); reason != "" {
			return nil, &Error{Err: fmt.Errorf("%w: %s: %s", ErrNoAccount, m.Name, reason)}
		}
		return m, nil
	}
	if !r.housed {
		var err error
		if r.home, r.thing, err = c.t.homeOf(c.ctx, r); err != nil {
			failure := &Error{Err: err}
			if errors.Is(err, ErrStoreBroken) {
				failure.RetryAt = time.Now().Add(storeRest)
			}
			return nil, failure
		}
		r.housed = true
	}
	if r.home == "" {
		return nil, nil
	}
	m := r.route.named(r.home)
	if m == nil {
		return nil, &Error{Err: fmt.Errorf("%w: %.100q lives in account %q, which is gone or disabled: bring the account back, or make the thing anew", ErrNoAccount, r.thing, r.home)}
	}
	if reason := m.suits(r); reason != "" {
		return nil, &Error{Err: fmt.Errorf("%w: %.100q lives in account %q, which %s", ErrNoAccount, r.thing, r.home, reason)}
	}
	return m, nil
}

// homeOf asks where what a request names lives: the account of the first thing of which
// that is known, and what that thing is. While the store is broken that is what is known
// here, and where nothing is the policy decides. It is an error if another thing lives in
// another account.
func (t *Transport) homeOf(ctx context.Context, r *Request) (account, thing string, _ error) {
	ids := r.Operation.Objects
	if len(ids) == 0 {
		return "", "", nil
	}
	ids = ids[:min(len(ids), maxObjects)]
	within, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	keys := r.objectKeys(r.route.base, ids)
	accounts, err := t.homes.Get(within, keys...)
	if err != nil {
		t.storeError(ctx, "affinity", err)
		var some bool
		if accounts, some = t.homes.recall(keys); !some {
			return "", "", t.homeless(ctx, r, ids[0], err)
		}
	}
	for i, home := range accounts {
		switch {
		case home == "" || home == account:
		case account == "":
			account, thing = home, ids[i]
		default:
			return "", "", fmt.Errorf("%w: %.100q lives in account %q and %.100q in account %q: make one of them anew in the other account, or name in the hint an account that has both",
				ErrNoAccount, thing, account, ids[i], home)
		}
	}
	return account, thing, nil
}

// homeless is the error of a request that names a thing of which nobody can say where it
// lives, since the store is broken; nil: it may go anywhere, by policy or because there is
// but one account that could have it.
func (t *Transport) homeless(ctx context.Context, r *Request, thing string, broken error) error {
	select {
	case <-ctx.Done(): // its caller has gone: it ends anyway
		return nil
	default:
	}
	if t.cfg.AffinityOpen {
		return nil
	}
	n := 0
	for _, m := range r.route.members {
		if m.suits(r) != "" {
			continue
		}
		if n++; n > 1 {
			if !errors.Is(broken, ErrStoreBroken) {
				broken = fmt.Errorf("%w: affinity: %w", ErrStoreBroken, broken)
			}
			return fmt.Errorf("in which account %.100q lives cannot be asked (Config.AffinityOpen would try any): %w", thing, broken)
		}
	}
	return nil
}

// maxObjects is how many things of one request are looked up.
const maxObjects = 100

// objectKeys are the names of things in the affinity store.
func (r *Request) objectKeys(base string, ids []string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = objectKey(base, r.Hint.Tenant, id)
	}
	return keys
}

// settled remembers that things live in the attempt's account.
func (at *attempt) settled(ids []string) {
	if len(ids) == 0 {
		return
	}
	ctx, cancel := at.books(false)
	defer cancel()
	for part := range slices.Chunk(ids, maxObjects) {
		if err := at.t.homes.Put(ctx, at.Name, at.t.cfg.AffinityTTL, at.r.objectKeys(at.base, part)...); err != nil {
			at.t.storeError(ctx, "affinity", err)
			return
		}
	}
}

// used remembers that what a request names lives in the account that has answered it
// well, so that what is in use is not forgotten; and forgets what was deleted.
func (at *attempt) used(status int) {
	switch {
	case status/100 != 2:
	case at.r.in.Method == http.MethodDelete:
		at.deleted()
	default:
		at.settled(at.r.Operation.Objects)
	}
}

// deleted forgets where the thing lived at whose path the request ended. One with a path
// below that, of a part of the thing, has left the thing itself.
func (at *attempt) deleted() {
	i := slices.IndexFunc(at.r.Operation.Objects, func(id string) bool { return strings.HasSuffix(at.r.in.URL.Path, "/"+id) })
	if i < 0 {
		return
	}
	ctx, cancel := at.books(false)
	defer cancel()
	if err := at.t.homes.Delete(ctx, at.r.objectKeys(at.base, at.r.Operation.Objects[i:i+1])...); err != nil {
		at.t.storeError(ctx, "affinity", err)
	}
}

// finder reads the ids of new things from an answer; nil: it tells of none.
func (at *attempt) finder(resp *http.Response) *provider.ObjectFinder {
	if resp.StatusCode/100 != 2 {
		return nil
	}
	return provider.NewObjectFinder(at.r.Operation, resp.Header)
}
