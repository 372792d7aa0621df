// Package providertest has fake AI providers: HTTP handlers that speak
// OpenAI's, Anthropic's and Gemini's own wire formats, and that fail on order.
//
//	                       ┌──────────────── Fake ────────────────┐
//	a call ─► read it ─► credential ─► script: one step a call ─► answer
//	                       │ no: 401    │ RateLimited, Hang, …     │ JSON or stream
//	                       └─► Hit      └─► that answer            └─► Hit.Status
//
// A [Fake] is an [http.Handler] without a server of its own: put it under
// httptest.NewServer, under a fake proxy, or under a mux beside others, and
// point a client's base URL at it. It starts no goroutine and needs no Close.
//
// # The order in which a call is answered
//
//  1. A call without a credential that the fake accepts is refused in the
//     provider's own words. It takes no step.
//  2. Every other call takes one [Step], whatever its path: from the script of
//     its credential ([Fake.ScriptFor]), else from the general one
//     ([Config].Script, [Fake.Script]), else what [Fake.AlwaysFor] says, else
//     what [Fake.Always] says, else [OK].
//  3. A step that is an answer of its own (an error, [Status], [Hang]) is given
//     at once, so that errors can be scripted for paths the fake does not know.
//  4. Any other step lets the fake judge the call (an unknown path is 404, a
//     wrong method 405, a broken body 400, a model it does not serve 404) and
//     answer it, as a stream or in one piece, as the call asks.
//
// Steps are taken in the order in which calls have been read to their end; the
// hits of [Fake.Hits] stand in the same order.
//
// Bodies of calls are read to at most 64 MiB, as plain JSON: a compressed one
// is broken to a fake.
//
// # Faults that need a real connection
//
// [CutStream], and every call whose context ends while it waits, leave the
// handler by panic(http.ErrAbortHandler), as net/http asks of handlers that
// give up a connection. A net/http server cuts the connection and stays
// silent; whoever calls ServeHTTP with a recorder has to recover.
package providertest
