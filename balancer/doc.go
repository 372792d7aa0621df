// Package balancer is an [http.RoundTripper] that reaches AI providers through many
// accounts and keeps working when any of them fails.
//
//	request ─► which API, operation and model?         a URL that no account's
//	           │                                       provider has is ErrNoRoute
//	           ├─ who may serve it: operation, model, not resting, room ─► tier ─► Picker
//	           │
//	           ├─ attempt ─► the account's address and credential ─► Config.Attempt
//	           │             layers ─► the account's transport ─► answer or error
//	           │
//	           ├─ its fault, or its limit? ─► health ─► next account
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
package balancer
