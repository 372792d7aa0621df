// Package redisquota keeps the counts of [quota] in Redis, so that many programs share limits and overspend none of them
// together.
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
//	store, err := redisquota.New(redisquota.Config{Script: script})
//
// The same func serves the other Redis stores of this module. The client should obey the context: the store itself cannot
// end a call that hangs. [quota.NewGuard] stands in front of a server that may be away; also when the program begins, since
// [New] does not ask it.
//
// # Round trips
//
// Reserve, Settle, Renew, Levels, Reset and Grant are one call of a script each, however many limits there are. Reserve,
// Levels and Grant may take a second one where the clocks of program and server differ and a daily, weekly or monthly
// window ends in between: the program says when windows begin and end, the server knows what time it is.
//
// A Reserve whose answer was lost is canceled by the next Reserve or Settle of the same Store for that key, in its call.
//
// [Leased] stands in front of a Store and takes slices of limits in hand, so that most calls need no network.
//
// # Exactness
//
// The server's clock decides. A rolling window holds a spend at most a sixtieth too long, as in [quota.Memory], and never
// too short; the other windows are exact. Redis has only a clock that can be set. Put back by less than a window, it
// finds none again that it has left; put back by more, the window goes on from there with all that was spent in it, and
// what was reserved before gives nothing back. The time until reservations expire stands still for the step, from the
// last call for their key that changed something to the first after it, and goes on. Put forward, it empties windows and
// ends reservations early.
//
// Numbers in scripts have 53 bits. A limit above [MaxLimit] (nine million dollars of [quota.Cost]) is refused as invalid,
// and so is a grant; debt above it stays at 2^53 until it leaves the window.
//
// # What is kept
//
// Each key of the quota has four keys in Redis, such as "{aitransport:quota:acme}:counts". The braces are a hash tag: in
// Redis Cluster the four are in one slot, so that a script may use them together, and different keys of the quota are
// spread over all slots. So several of them cannot be charged in one act: [quota.ReserveAll] charges one after the other
// and gives back what it must.
//
// They expire when nothing in them matters any more, an hour after the end of a daily, weekly or monthly window; what was
// spent in a total window stays. A reservation under four limits takes some 450 bytes until it is settled or forgotten,
// which a call does for 32 at a time; a rolling window takes at most some 1 KiB. The server must not evict keys
// (maxmemory-policy noeviction): a count that is gone is a limit that is spent twice. What Redis loses otherwise (a
// restart without persistence, a replica that takes over too early) is not counted either. Redis 7 is the oldest that
// serves.
package redisquota
