// Package pool keeps agents: the connections to one endpoint through one route,
// with one set of connection settings.
//
//	Acquire(key) ─► hit: the agent in the pool, its use count raised
//	             └► miss: one creation however many callers wait ─► kept, LRU
//	                                 full and all busy ─► a temporary agent
//	Lease.Release ─► use count lowered; an agent that has left the pool is
//	                 closed when its last user is done
//
// An agent leaves the pool when it was not used for a while (TTL), when it grew
// too old (MaxAge, so that DNS answers and certificates are looked at again),
// when room is needed (the least recently used idle one goes), when a user found
// it unhealthy, when its origin is evicted, or when the pool closes. Leaving never
// disturbs its users, except by [Pool.Close]: the agent takes no new ones and is
// closed, once, when the last has released it.
//
// The package imports no other package of this module. It runs one goroutine for
// each creation under way, and one timer while there is something to sweep.
package pool
