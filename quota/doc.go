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
// minutes for five hours.
//
// Estimates count from when they were reserved, and what is given back is taken off there. Debt counts from when it was
// settled.
package quota
