// Package health says who may be used now.
//
// Whatever can fail on its own is a [Subject]: an account, a model of an account, a provider, a model of a provider,
// a proxy, a route (a proxy and an origin). What is known about it is a [State], a small value. What happened to one
// attempt is an [Outcome]. A [Policy] draws the conclusion; it is pure, so it can be read, tested and replayed. A
// [Store] keeps the states, in this process ([Memory]) or for many instances.
//
//	               failures in a row, too many of the recent
//	               attempts failed, a refusal, a rate limit
//	       ┌────────┐ ─────────────────────────────────► ┌──────┐
//	┌────► │ closed │                                    │ open │ ◄──────┐
//	│      └────────┘ ◄───────────────────────────────── └──────┘        │
//	│           a reset that the provider named has come,   │            │
//	│           a check succeeded (not for a rate limit)    │ the rest   │ the probe failed:
//	│                                                       │ is over    │ twice the rest
//	│ the probe succeeded                                   ▼            │
//	│ (slow start: Policy.Share)                    ┌───────────┐        │
//	└────────────────────────────────────────────── │ half-open │ ───────┘
//	                                                └───────────┘
//	                                          one at a time: Policy.Claim
//
//	refused again, or for good; no money, again;                ┌─► Policy.Enable (a person)
//	Policy.DisableAfter failures in a row;        ──► disabled ─┤
//	Policy.Disable (a person)                                   └─► Policy.Checked (a success; not against a person)
//
// State.Cause tells pages which of these it was, State.Reason in words. Whatever rests until a time that is known has
// [CauseLimit]: after a rate limit, and a model that is not there, which is looked for again after a while.
//
// An attempt goes like this:
//
//  1. [Store.Load] the states of the subjects it would touch, and ask [Policy.Allow] about each, and [Policy.Share] how
//     much of its load it should get.
//  2. Where the answer is [DecisionClaim], take the probe: [Store.Update] with [Policy.Claim].
//  3. Send, remembering when.
//  4. [Store.Update] with [Policy.Apply] and the outcome, for each subject that it says something about, unless Apply to
//     a recent state changes nothing: then count the success, for [Outcome.Successes] of the next one. Whoever holds a
//     claim must report something; [OutcomeNeutral] gives the claim back and says no more.
//
// An active check, which nobody's request asked for, goes like this: [Store.Update] with [Policy.ClaimCheck]; send; then
// [Store.Update] with [Policy.Checked] and the outcome.
//
// Nothing needs a clock that ticks: a rest ends by being compared with the time. Every rest has an end; only a disabled
// subject waits for a person or a check.
package health
