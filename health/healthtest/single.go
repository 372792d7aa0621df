package healthtest

import (
	"context"

	"github.com/aitransport/aitransport/health"
)

func checkUnknown(ctx context.Context, store health.Store) error {
	if err := expect(ctx, store, account("nobody"), health.State{}); err != nil {
		return err
	}
	given := full(0)
	_, err := store.Update(ctx, account("nobody"), func(s health.State) health.State { given = s; return s })
	if err != nil {
		return seen("Update of an unknown subject: %w", err)
	}
	if given != (health.State{}) {
		return seen("Update gave f %+v for an unknown subject", given)
	}
	return expect(ctx, store, account("nobody"), health.State{})
}

func checkOrder(ctx context.Context, store health.Store) error {
	got, err := store.Load(ctx, nil)
	if err != nil || len(got) != 0 {
		return seen("Load of no subjects returned %d states and error %v", len(got), err)
	}
	want := map[string]health.State{}
	for i, name := range []string{"a", "b", "c"} {
		want[name] = full(i)
		if err := set(ctx, store, account(name), want[name]); err != nil {
			return err
		}
	}
	asked := []string{"c", "nobody", "a", "c", "b", "nobody"}
	subjects := make([]health.Subject, len(asked))
	for i, name := range asked {
		subjects[i] = account(name)
	}
	got, err = store.Load(ctx, subjects)
	if err != nil {
		return seen("Load: %w", err)
	}
	if len(got) != len(asked) {
		return seen("Load of %d subjects returned %d states", len(asked), len(got))
	}
	for i, name := range asked {
		if got[i] != want[name] {
			return seen("Load of %q: number %d is %+v, want %+v", asked, i, got[i], want[name])
		}
	}
	return nil
}

func checkWhole(ctx context.Context, store health.Store) error {
	states := []health.State{full(0), {Failures: 1}, {Disabled: true}, {Reason: "only a reason"}, {Version: 1}, {ProbeDue: true}, {Window: health.Window{PastSuccesses: 1}}}
	for _, s := range states {
		if err := set(ctx, store, account("a"), s); err != nil {
			return err
		}
		if err := expect(ctx, store, account("a"), s); err != nil {
			return err
		}
	}
	return nil
}

func checkSuccessive(ctx context.Context, store health.Store) error {
	for i := range 10 {
		given := -1
		_, err := store.Update(ctx, account("a"), func(s health.State) health.State {
			given = s.Failures
			s.Failures++
			return s
		})
		if err != nil {
			return seen("Update: %w", err)
		}
		if given != i {
			return seen("update number %d was given Failures %d", i, given)
		}
	}
	return expect(ctx, store, account("a"), health.State{Failures: 10})
}

func checkApart(ctx context.Context, store health.Store) error {
	subjects := []health.Subject{
		{Kind: health.KindAccount, Name: "a"},
		{Kind: health.KindProvider, Name: "a"},
		{Kind: health.KindProxy, Name: "a"},
		{Kind: health.KindRoute, Name: "a"},
		{Kind: health.KindAccountModel, Name: "a"},
		{Kind: health.KindAccountModel, Name: "a", Model: "b"},
		{Kind: health.KindProviderModel, Name: "a", Model: "b"},
		{Kind: health.KindAccountModel, Name: "ab"},
		{Kind: health.KindAccountModel, Model: "ab"},
		{Kind: health.KindAccountModel, Name: "a:b", Model: "c"},
		{Kind: health.KindAccountModel, Name: "a", Model: "b:c"},
		{Kind: health.KindAccountModel, Name: "a|b", Model: "c"},
		{Kind: health.KindAccountModel, Name: "a", Model: "b|c"},
		{Kind: health.KindAccountModel, Name: "a\x00b", Model: "c"},
		{Kind: health.KindAccountModel, Name: "a", Model: "b\x00c"},
		{Kind: health.KindAccountModel, Name: "A", Model: "b"},
		{Kind: health.KindAccountModel, Name: "a ", Model: "b"},
		{Kind: health.KindRoute, Name: "socks5://10.0.0.2:1080 https://api.example.com:443"},
		{Kind: health.KindAccount, Name: "ä/{x}%20\n"},
	}
	for i, subject := range subjects {
		if err := set(ctx, store, subject, full(i)); err != nil {
			return err
		}
	}
	for i, subject := range subjects {
		if err := expect(ctx, store, subject, full(i)); err != nil {
			return err
		}
	}
	return nil
}

func checkForget(ctx context.Context, store health.Store) error {
	for _, s := range []health.State{full(0), {}, full(1), {}} {
		if err := set(ctx, store, account("a"), s); err != nil {
			return err
		}
		if err := expect(ctx, store, account("a"), s); err != nil {
			return err
		}
	}
	return nil
}

func checkOwned(ctx context.Context, store health.Store) error {
	if err := set(ctx, store, account("a"), full(0)); err != nil {
		return err
	}
	got, err := store.Load(ctx, []health.Subject{account("a")})
	if err != nil || len(got) != 1 {
		return seen("Load of one subject returned %d states and error %v", len(got), err)
	}
	got[0] = health.State{}
	return expect(ctx, store, account("a"), full(0))
}

func checkDone(ctx context.Context, store health.Store) error {
	if err := set(ctx, store, account("a"), full(0)); err != nil {
		return err
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, err := store.Update(done, account("a"), func(health.State) health.State { return full(1) })
	if err == nil {
		return seen("Update returned no error")
	}
	if _, err = store.Load(done, []health.Subject{account("a")}); err == nil {
		return seen("Load returned no error")
	}
	return expect(ctx, store, account("a"), full(0))
}
