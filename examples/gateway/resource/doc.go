// Package resource has what the gateway is told and what it keeps: accounts, keys,
// their limits, and the records of what was used. The same types stand in the
// configuration, in the database and in the admin API, under the same names.
//
//	configuration ─┐                        ┌─► balancer accounts
//	admin API ─────┼─► Account, Key ─► store ┤
//	your program ──┘                        └─► who may call, and how much
//
//	a request ended ─► Request ─► store ─► request_logs, daily_usages, totals
//
// Money is in nano-USD (an int64) wherever it is counted, and in USD where people
// write it: USD(12.5). Times are UTC. Nothing here holds a secret but Secret, whose
// text shows in no format.
package resource
