// Package balancer is an [http.RoundTripper] that reaches AI providers through many
// accounts and keeps working when any of them fails.
//
//	request ─► which API, operation and model?         a URL that no account's
//	           │                                       provider has is ErrNoRoute
//	           ├─ where what it names lives, or its session ─► that account
//	           ├─ else who may serve it: operation, model, not resting, room ─► tier ─► Picker
//	           │  all are full: wait in line; all rest: whoever recovers first
//	           │
//	           ├─ attempt ─► the account's address and credential ─► Config.Attempt
//	           │             layers ─► the account's transport ─► answer or error
//	           │
//	           ├─ held until its first content: an error inside is a failure, too
//	           ├─ its fault, or its limit? ─► health ─► retry budget ─► next account
//	           └─ good answer ─► the caller reads it ─► at the end of the body:
//	              usage is counted, quota settled, the slot freed, health told
//
// The URL names the API, not the server: a request to an API's official base goes
// to any account whose provider speaks that API, a request to the base of another
// provider to that provider's accounts only. The official SDKs work unchanged over
// [Transport.Client].
//
// What the caller got wrong (a bad request, a prompt that is too long) is answered
// once and held against nobody. What a proxy got wrong is held against the proxy,
// not against the account behind it. An answer whose first byte went to the caller
// is never replaced.
//
// Accounts that may serve the same requests are kept in tiers of one priority, in the
// order of the Picker. One that rests or is full is parked beside it until its time has
// come, or until something has happened to it; so choosing takes the same time however
// many accounts there are, and however many of them rest. What is known of anybody's
// health is kept here and written to the store when it changes; what other programs
// have written is read beside the requests. A store of health or affinity that is broken
// costs half a second now and then, not each request a time-out: Config.HealthClosed and
// Config.AffinityOpen say what happens meanwhile.
//
// Config.Logger gets these lines, beside those of package transport. No text in them is
// longer than 500 bytes, but for error and stack, and none holds a secret:
//
//	WARN   Attempt failed                request, provider, account, model, url, status (or none), class, code, retryable, proxyUrl, reason; phase
//	DEBUG  Attempt not needed            the same: another account was quicker (Hedge)
//	INFO   Resting                       kind, account (else name), model, cause, reason, until
//	INFO   Disabled                      the same without until
//	INFO   Recovered                     kind, account (else name), model, cause: a success, a check or a person has ended it
//	INFO   Accounts set                  accounts, added, removed, newCredentials; at DEBUG where the last three are 0
//	INFO   Health check for provider …   provider, key (the account), health, class, status, code, reason, probe, proxyUrl, duration, state; at WARN where it failed
//	DEBUG  Session stays with account    request, tenant, session, account, before
//	WARN   Cost not known, …             once for each model: request, provider, account, model, answered, tier, images, audio, webSearches, limited
//	ERROR  Store failed                  store, error: once when it breaks, and each time that it is tried in vain; of quota without a quota.Guard for each call
//	INFO   Store is back                 store, after
//	ERROR  Health check panicked         provider, account, health, probe, reason, stack
//	ERROR  An attempt panicked that …    request, account, panic: another account had made it needless
//
// Resting, Disabled and Recovered are at DEBUG where another program found it out. A rest
// that ends because its time has come is no line.
package balancer
