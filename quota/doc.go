// Package quota says how much may be used.
//
// A [Limit] bounds one [Unit] (requests, tokens, cost, what is in flight) of one key (an account, a tenant) in one
// [Window]. What a call will use is not known before it ends, so it is reserved first, by an estimate, and settled
// afterwards, by the truth:
//
//	Reserve(key, limits, estimate, ttl) ──► all limits have room ──► charged to all of them at once
//	        │                                                              │
//	        └─► one has none: *ExceededError, nothing charged              │ the call runs: one in flight
//	                                                                       │ (Renew while it takes longer than ttl)
//	                   ┌───────────────────────┬───────────────────────────┤
//	                   ▼                       ▼                           ▼
//	            Settle(used)              Settle(zero)              the owner died: after ttl
//	     estimate replaced by truth    cancelled: all of it      no longer in flight; the estimate
//	     above it: debt                is given back             stands as what was used
//
// There is no "is there room?" to ask before spending: between the question and the spending somebody else spends.
// Truth above the estimate is booked as debt. It is never refused, the tokens are gone, but it keeps the next
// reservation out until the window has room again.
//
// # Windows
//
// A rolling window counts everything spent in the length of time before now. A store may hold a spend up to a tenth of
// the window's length too long, never too short: in any stretch of time of that length, no more than Max is admitted.
// [Memory] keeps 60 slots for a window, so it holds a spend at most a sixtieth too long: a second for a minute, five
// minutes for five hours. What a limit per minute loses by that is at most a sixtieth of its rate, and only to a caller
// who is always at the limit.
//
// Daily, weekly and monthly windows are exact: they begin at a time that the clock on the wall of a zone shows, and
// everything in them counts until the next begins ([Window.Bounds]). Two that follow each other may each be used up, so
// twice Max may be spent in little time about a reset. A clock that is put back finds no window again that was left.
//
// Estimates count from when they were reserved, and what is given back is taken off there: nothing comes back into a
// window that began since. Debt counts from when it was settled.
//
// # Several keys
//
// A call that is charged to a tenant, a user and an account is a [Charge] for each. [ReserveAll] reserves for all of them
// or for none, with any store; [SettleAll] and [RenewAll] go with it.
//
// # While counters run
//
// Max may be different with each Reserve: the count is the unit's and the window's. A limit that is new counts from then
// on; one that is left out keeps its count, for when it comes back, as long as its window lasts. [Inspector] has the
// levels and the reset, [Granter] gives a key more than its limits allow.
//
// # Stores
//
// [Memory] is for one process; quota/redisquota (a server or a cluster, also with slices that are leased so that most
// calls need no network) and quota/sqlquota (SQLite, PostgreSQL, MySQL, MariaDB) are for many. One that is shared can break: [Guard] stands in front of it, and answers at once, open or
// closed, while it does. The names that begin with Check, [NewExceededError] and [Window.ID] are for those who write
// stores; package quotatest checks them.
package quota
