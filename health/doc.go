// Package health says who may be used now.
//
// Whatever can fail on its own is a [Subject]: an account, a model of an account, a provider, a model of a provider,
// a proxy, a route (a proxy and an origin). What is known about it is a [State], a small value. What happened to one
// attempt is an [Outcome]. A [Policy] draws the conclusion; it is pure, so it can be read, tested and replayed. A
// [Store] keeps the states, in this process ([Memory]) or for many instances.
//
//	                    failures in a row, a rate limit
//	       ┌────────┐ ─────────────────────────────────► ┌──────┐
//	┌────► │ closed │                                    │ open │ ◄──────┐
//	│      └────────┘ ◄───────────────────────────────── └──────┘        │
//	│           a reset that the provider named has come    │            │
//	│                                                       │ the rest   │ the probe failed:
//	│ the probe succeeded                                   │ is over    │ twice the rest
//	│                                                       ▼            │
//	│                                               ┌───────────┐        │
//	└────────────────────────────────────────────── │ half-open │ ───────┘
//	                                                └───────────┘
//	                                          one at a time: Policy.Claim
//
//	credential refused again, or for good ──► disabled ──► Policy.Enable (a person)
//
// An attempt goes like this:
//
//  1. [Store.Load] the states of the subjects it would touch, and ask [Policy.Allow] about each.
//  2. Where the answer is [DecisionClaim], take the probe: [Store.Update] with [Policy.Claim].
//  3. Send, remembering when.
//  4. [Store.Update] with [Policy.Apply] and the outcome, for each subject that it says something about. Whoever holds
//     a claim must report something; [OutcomeNeutral] gives the claim back and says no more.
//
// Nothing needs a clock that ticks: a rest ends by being compared with the time. Every rest has an end; only a disabled
// subject waits for a person.
package health
