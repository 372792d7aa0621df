// Package redisaffinity is a [balancer.AffinityStore] on Redis: many programs share what they know of where stored
// responses, files and batches live.
//
// The store needs no client library. It is given a func that runs a script, which takes three lines with go-redis
// (github.com/redis/go-redis/v9), beside two settings:
//
//	client := redis.NewUniversalClient(&redis.UniversalOptions{
//		Addrs:                 []string{"10.0.0.5:6379"},
//		ContextTimeoutEnabled: true, // a call ends with its context, though the server hangs
//		DialerRetries:         1,    // a server that is away fails at once, not after five dials for each of four tries
//	})
//	script := func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
//		return redis.NewScript(script).Run(ctx, client, keys, args...).Result()
//	}
//	store, err := redisaffinity.New(redisaffinity.Config{Script: script})
//
// The same func serves the other Redis stores of this module. The client should obey the context: the store itself cannot
// end a call that hangs. The server may be away when the program begins: [New] does not ask it.
//
// Each key has a Redis key of its own, which Redis forgets when its time is over, or earlier where the server is short of
// memory and evicts keys (maxmemory-policy). Its name is made of the prefix and of a hash of the key, so the server holds
// nobody's names but those of accounts. The prefix is a hash tag: in Redis Cluster all keys are in one slot, so that Get,
// Put and Delete are one call each; [Config.Slots] spreads them over more.
//
// A key takes some 200 bytes of the server's memory. What Redis loses (a restart without persistence, a replica that takes
// over too early) is not known any more.
//
// Nothing newer than Redis 4 is asked for; the tests run with Redis 7.
package redisaffinity
