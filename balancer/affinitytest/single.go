package affinitytest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/balancer"
)

func checkUnknown(ctx context.Context, store balancer.AffinityStore) error {
	if err := expect(ctx, store, "nobody", ""); err != nil {
		return err
	}
	return expect(ctx, store, "nobody", "")
}

func checkOrder(ctx context.Context, store balancer.AffinityStore) error {
	want := map[string]string{"k1": "a", "k2": "b", "k3": "c"}
	for key, account := range want {
		if err := put(ctx, store, account, long, key); err != nil {
			return err
		}
	}
	asked := []string{"k3", "nobody", "k1", "k3", "k2", "nobody"}
	got, err := get(ctx, store, asked...)
	if err != nil {
		return err
	}
	for i, key := range asked {
		if got[i] != want[key] {
			return seen("Get(%q): number %d is %q, want %q", asked, i, got[i], want[key])
		}
	}
	return nil
}

func checkMany(ctx context.Context, store balancer.AffinityStore) error {
	keys := make([]string, 128)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%d", i)
	}
	if err := put(ctx, store, "a", long, keys...); err != nil {
		return err
	}
	got, err := get(ctx, store, keys...)
	if err != nil {
		return err
	}
	for i := range keys {
		if got[i] != "a" {
			return seen("after Put of %d keys number %d has the account %q", len(keys), i, got[i])
		}
	}
	return nil
}

func checkWhole(ctx context.Context, store balancer.AffinityStore) error {
	accounts := []string{"a", " a ", "A", "a b", "ä/{x}%20\n", "a\x00b", "\xff\xfe", strings.Repeat("x", 1000), `"a"`, "0", "-1", "null", "1|2|a"}
	for i, account := range accounts {
		key := fmt.Sprint("key-", i)
		if err := put(ctx, store, account, long, key); err != nil {
			return err
		}
		if err := expect(ctx, store, key, account); err != nil {
			return err
		}
	}
	return nil
}

func checkApart(ctx context.Context, store balancer.AffinityStore) error {
	long512 := strings.Repeat("k", 511)
	keys := []string{
		"a", "A", " a", "a ", "a\x00", "a\x00b", "a\x00c", "ab", "a:b", "a|b", "a/b", "a b", "a,b", "a\n", "a\r\n", "{a}b", "{a}c",
		"ä", "a\u0308", "\xff", "\xfe", "%61", "*", "a*", "a%", "a_", "?", "0", "00", long512 + "1", long512 + "2",
	}
	for i, key := range keys {
		if err := put(ctx, store, fmt.Sprint("account-", i), long, key); err != nil {
			return err
		}
	}
	for i, key := range keys {
		if err := expect(ctx, store, key, fmt.Sprint("account-", i)); err != nil {
			return err
		}
	}
	return nil
}

func checkLast(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1", "k2"); err != nil {
		return err
	}
	if err := put(ctx, store, "b", long, "k2", "k3"); err != nil {
		return err
	}
	for key, account := range map[string]string{"k1": "a", "k2": "b", "k3": "b"} {
		if err := expect(ctx, store, key, account); err != nil {
			return err
		}
	}
	return nil
}

func checkDelete(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1", "k2", "k3"); err != nil {
		return err
	}
	for range 2 {
		if err := store.Delete(ctx, "k1", "nobody", "k3"); err != nil {
			return seen("Delete: %w", err)
		}
	}
	for key, account := range map[string]string{"k1": "", "k2": "a", "k3": ""} {
		if err := expect(ctx, store, key, account); err != nil {
			return err
		}
	}
	if err := put(ctx, store, "b", long, "k1"); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "b")
}

func checkNone(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1"); err != nil {
		return err
	}
	if err := put(ctx, store, "b", long); err != nil {
		return err
	}
	if err := store.Delete(ctx); err != nil {
		return seen("Delete of no keys: %w", err)
	}
	if _, err := get(ctx, store); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "a")
}

func checkOwned(ctx context.Context, store balancer.AffinityStore) error {
	keys := []string{"k1", "k2"}
	if err := put(ctx, store, "a", long, keys...); err != nil {
		return err
	}
	got, err := get(ctx, store, keys...)
	if err != nil {
		return err
	}
	if !slices.Equal(keys, []string{"k1", "k2"}) {
		return seen("the keys were changed to %q", keys)
	}
	clear(got)
	keys[0] = "k3"
	if err := expect(ctx, store, "k3", ""); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "a")
}

func checkDone(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1"); err != nil {
		return err
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if store.Put(done, "b", long, "k1", "k2") == nil {
		return seen("Put returned no error")
	}
	if store.Put(done, "b", 0, "k1") == nil {
		return seen("Put without time returned no error")
	}
	if store.Delete(done, "k1") == nil {
		return seen("Delete returned no error")
	}
	if _, err := store.Get(done, "k1"); err == nil {
		return seen("Get returned no error")
	}
	if err := expect(ctx, store, "k2", ""); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "a")
}
