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
// have written is read beside the requests.
package balancer
