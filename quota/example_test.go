package quota_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// A call reserves what it may use, and settles what it used.
func Example() {
	ctx, store := context.Background(), quota.NewMemory(quota.MemoryConfig{})
	limits := []quota.Limit{
		{Unit: quota.InFlight, Max: 8},
		{Unit: quota.Requests, Max: 60, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Tokens, Max: 10_000, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Cost, Max: 50 * 1e9, Window: quota.Total()}, // 50 dollars
	}
	estimate := quota.Amount{Requests: 1, InputTokens: 2_000, OutputTokens: 4_000, Cost: 2e8}

	first, err := store.Reserve(ctx, "acme", limits, estimate, time.Minute)
	fmt.Println("first:", err)

	_, err = store.Reserve(ctx, "acme", limits, estimate, time.Minute)
	var exceeded *quota.ExceededError
	if errors.As(err, &exceeded) {
		fmt.Printf("second: %v: %d left, %d asked for\n", exceeded.Limit, exceeded.Left, exceeded.Asked)
	}

	// The first call ends. It used much less than it might have.
	truth := quota.Amount{Requests: 1, InputTokens: 2_100, OutputTokens: 300, Cost: 3e7}
	if err := store.Settle(ctx, first, truth); err != nil {
		fmt.Println(err)
	}
	_, err = store.Reserve(ctx, "acme", limits, estimate, time.Minute)
	fmt.Println("second again:", err)

	levels, err := store.Levels(ctx, "acme", limits)
	for _, l := range levels {
		fmt.Printf("%v: %d left\n", l.Limit, l.Left)
	}
	fmt.Println(err)

	// Output:
	// first: <nil>
	// second: 10000 tokens per 1m: 4000 left, 6000 asked for
	// second again: <nil>
	// 8 in flight: 7 left
	// 60 requests per 1m: 58 left
	// 10000 tokens per 1m: 1600 left
	// $50 in total: 49770000000 left
	// <nil>
}

// A call is charged to a tenant and to an account, together or not at all.
func ExampleReserveAll() {
	ctx, store := context.Background(), quota.NewMemory(quota.MemoryConfig{})
	charges := []quota.Charge{
		{Key: "tenant acme", Limits: []quota.Limit{{Unit: quota.Cost, Max: 20 * 1e9, Window: quota.Monthly(1, 0, time.UTC)}}},
		{Key: "account main", Limits: []quota.Limit{{Unit: quota.InFlight, Max: 1}}},
	}
	call, err := quota.ReserveAll(ctx, store, charges, quota.Amount{Cost: 3e8}, time.Minute)
	fmt.Println("first:", err)

	_, err = quota.ReserveAll(ctx, store, charges, quota.Amount{Cost: 3e8}, time.Minute)
	fmt.Println("second:", err)

	fmt.Println("settled:", quota.SettleAll(ctx, store, call, quota.Amount{Cost: 1e8}))
	levels, _ := store.Levels(ctx, "tenant acme", charges[0].Limits)
	fmt.Printf("%v: %d left\n", levels[0].Limit, levels[0].Left)

	// Output:
	// first: <nil>
	// second: quota: "account main" has no room: 1 in flight, of which 1 used and 0 left, 1 asked for: room again when one of them ends
	// settled: <nil>
	// $20 per month from day 1 00:00 UTC: 19900000000 left
}

// A guarded store answers although what it keeps its counts in is down.
func ExampleGuard() {
	ctx, shared := context.Background(), quota.NewMemory(quota.MemoryConfig{}) // or one that other machines share
	store := quota.NewGuard(shared, quota.GuardConfig{
		Open:  true,
		Hooks: quota.GuardHooks{Broken: func(err error) { fmt.Println("the quota store is down:", err) }},
	})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 60, Window: quota.Rolling(time.Minute)}}
	r, err := store.Reserve(ctx, "acme", limits, quota.Amount{Requests: 1}, time.Minute)
	fmt.Println(err)
	fmt.Println(store.Settle(ctx, r, quota.Amount{Requests: 1}))
	fmt.Println(store.Flush(ctx)) // before the program ends

	// Output:
	// <nil>
	// <nil>
	// <nil>
}
