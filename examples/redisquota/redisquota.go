// Package redisquota shows how programs share limits through Redis with go-redis. Its tests run the store against real
// servers: one, and a cluster of three.
package redisquota

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/aitransport/aitransport/quota/redisquota"
)

// Script is the bridge from go-redis to the store: it takes a *redis.Client, a *redis.ClusterClient or any other client of
// that library.
func Script(client redis.Scripter) redisquota.Script {
	return func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		return redis.NewScript(script).Run(ctx, client, keys, args...).Result()
	}
}

// Options are settings that suit the store: a call ends with its context, though the server hangs, and one to a server
// that is away fails soon, instead of after five dials for each of four tries.
func Options(addrs ...string) *redis.UniversalOptions {
	return &redis.UniversalOptions{Addrs: addrs, ContextTimeoutEnabled: true, DialerRetries: 1}
}
