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
