// Package redishealth keeps the states of [health] in Redis, so that many programs share what each of them learns: an
// account that one has found resting is left alone by all, and its probe is made by one of them.
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
//	store, err := redishealth.New(redishealth.Config{Script: script})
//
// The same func serves the other Redis stores of this module. The client should obey the context: the store itself cannot
// end a call that hangs. The server may be away when the program begins: [New] does not ask it.
//
// # Round trips
//
// Load is one call, however many subjects are asked for, and so is a page of Changes. Update is one call where the
// subject was healthy, two otherwise (the first finds out its state), and more only when others change the same subject
// at the same time. An update that changes nothing writes nothing.
//
// # What is kept
//
// Five keys whose names begin with the prefix in braces, such as "{aitransport:health}:states". The braces are a hash
// tag: in Redis Cluster all five are in one slot, so that a script may use them together. Stores of different prefixes
// are apart.
//
// The keys do not expire by themselves. What they hold is bounded by [Config.MaxSubjects], and states that were not
// changed for [Config.TTL] go with the updates of others. A server that evicts keys (maxmemory-policy allkeys-…) may
// drop some of the five without the others: use noeviction or one of volatile-… for it.
//
// The server's clock decides, wherever the programs' clocks would have to agree. What Redis loses (a restart without
// persistence, a replica that takes over too early) is forgotten, and so healthy until it fails again.
//
// Nothing newer than Redis 5 is asked for; the tests run with Redis 7.
package redishealth
