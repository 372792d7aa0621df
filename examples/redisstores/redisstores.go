// Package redisstores shows how programs share health and affinity through Redis with go-redis. Its tests run the stores
// against real servers: one, and a cluster of three.
package redisstores

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/health/redishealth"
)

// Script is the bridge from go-redis to the stores: it takes a *redis.Client, a *redis.ClusterClient, a *redis.Ring or any
// other client of that library.
func Script(client redis.Scripter) func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
	return func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		return redis.NewScript(script).Run(ctx, client, keys, args...).Result()
	}
}

// Options are settings that suit the stores: a call ends with its context, though the server hangs, and one to a server
// that is away fails soon, instead of after five dials for each of four tries.
func Options(addrs ...string) *redis.UniversalOptions {
	return &redis.UniversalOptions{Addrs: addrs, ContextTimeoutEnabled: true, DialerRetries: 1}
}

// Share has a balancer keep what it learns in Redis. Programs that do so with the same servers and the same accounts act
// as one: they rest an account together, one of them probes it, and what one stored another finds.
func Share(cfg balancer.Config, client redis.Scripter) (balancer.Config, error) {
	states, err := redishealth.New(redishealth.Config{Script: Script(client)})
	if err != nil {
		return cfg, err
	}
	homes, err := redisaffinity.New(redisaffinity.Config{Script: Script(client)})
	if err != nil {
		return cfg, err
	}
	cfg.Health, cfg.Affinity = states, homes
	return cfg, nil
}
