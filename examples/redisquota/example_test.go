package redisquota_test

import (
	"context"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// Programs that use the same Redis share the limits of every key. The Guard answers while Redis is away.
func ExampleScript() {
	client := redis.NewUniversalClient(redisstores.Options("10.0.0.5:6379"))
	defer func() { _ = client.Close() }()

	shared, err := redisquota.New(redisquota.Config{Script: redisstores.Script(client)})
	if err != nil {
		log.Print(err)
		return
	}
	store := quota.NewGuard(shared, quota.GuardConfig{Open: true})

	ctx := context.Background()
	limits := []quota.Limit{{Unit: quota.Requests, Max: 60, Window: quota.Rolling(time.Minute)}}
	call, err := store.Reserve(ctx, "acme", limits, quota.Amount{Requests: 1}, time.Minute)
	if err != nil {
		log.Print(err)
		return
	}
	if err := store.Settle(ctx, call, quota.Amount{Requests: 1}); err != nil {
		log.Print(err)
	}
}

// Slices of the limits are taken in hand, so that most calls need no network.
func ExampleScript_leased() {
	client := redis.NewUniversalClient(redisstores.Options("10.0.0.5:6379"))
	defer func() { _ = client.Close() }()

	shared, err := redisquota.New(redisquota.Config{Script: redisstores.Script(client)})
	if err != nil {
		log.Print(err)
		return
	}
	store, err := redisquota.NewLeased(shared, redisquota.LeaseConfig{
		Failed: func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { // gives back what nobody used
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := store.Close(ctx); err != nil {
			log.Print(err)
		}
	}()

	ctx := context.Background()
	limits := []quota.Limit{{Unit: quota.Tokens, Max: 1_000_000, Window: quota.Rolling(time.Minute)}}
	call, err := store.Reserve(ctx, "acme", limits, quota.Amount{InputTokens: 2000}, time.Minute)
	if err != nil {
		log.Print(err)
		return
	}
	if err := store.Settle(ctx, call, quota.Amount{InputTokens: 1800}); err != nil {
		log.Print(err)
	}
}
