// Package aitransport is the root of a library that turns an [net/http.Client] into
// one that reaches many AI providers through many accounts and many proxies, and
// keeps working when any of them fails. There is no code here; start with package
// balancer.
//
//	caller's SDK ─► balancer.Transport ───────────────────────────────────────────► answer
//	                 │ read the request: API, operation, model, stream
//	                 │ choose: priority tier → health → picker → reserve (full: next)
//	                 │ ┌─ attempt (at most MaxAttempts) ─────────────────────────────┐
//	                 │ │ provider: address + authorize   (whose API, which key)      │
//	                 │ │ Config.Attempt layers           (tracing, logging, yours)   │
//	                 │ │ transport: retry unsent → fallback → pool → wire            │
//	                 │ │ provider: classify the answer, meter the body               │
//	                 │ └─────────────────────────────────────────────────────────────┘
//	                 └ at the body's end: settle quota, free the slot, tell health, hooks
//
// Each step of the path is a package, and each works alone:
//
//	transport   one attempt on the wire: proxies, tunnels, phases, time-outs, fallback
//	pool        agents, which are the connections to one endpoint by one route
//	provider    what an API looks like: addresses, credentials, errors, usage
//	health      who may be used now
//	quota       how much may be used
//	balancer    which account, and what to do when it fails
//
// Imports run one way: balancer imports provider, health, quota and transport;
// provider imports transport where it needs it; transport imports pool; pool, health
// and quota import none of the others. Nothing imports balancer but its own store and
// the examples, which are a module of their own, so that the library needs no client of
// anybody's.
//
// What programs share is kept in stores behind interfaces: in memory; in Redis by
// health/redishealth, balancer/redisaffinity and quota/redisquota, which take any client's
// func; or in a SQL database by quota/sqlquota and health/sqlhealth.
//
// For tests, transport/transporttest has proxies and servers that misbehave on
// order, and provider/providertest fake AI providers; health/healthtest,
// quota/quotatest and balancer/affinitytest are suites that any store of those packages
// must pass.
package aitransport
