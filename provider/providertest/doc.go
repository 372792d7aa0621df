// Package providertest has fake AI providers: HTTP handlers that speak
// OpenAI's, Anthropic's and Gemini's own wire formats, and that fail on order.
// It is for everybody who tests software that calls such providers, with
// whatever client.
//
//	                       ┌──────────────── Fake ────────────────┐
//	a call ─► read it ─► credential ─► script: one step a call ─► answer
//	                       │ no: 401    │ RateLimited, Hang, …     │ JSON or stream
//	                       └─► Hit      └─► that answer            └─► Hit.Status
//
// # In memory or as a server
//
// A [Fake] is an [http.Handler]; it starts no goroutine of its own and needs no
// Close. There are two ways to reach it:
//
//	fake := providertest.OpenAI(providertest.Config{})
//
//	client := fake.Client()                  // in memory: any host leads to it
//	server := httptest.NewServer(fake)       // a real server at server.URL
//
// In memory there is no network, no port and no real time to wait for: inside
// testing/synctest a rate limit of an hour passes at once. [InMemory] does the
// same for any handler, a mux with several fakes for instance. Take the server
// to test what is below HTTP: connections, proxies, TLS.
//
// # What the fakes speak
//
// The word in the first column is [Hit].Operation. An operation that is marked
// with * answers as a stream too, if the call asks for that.
//
//	OpenAI
//	chat *                 POST   /v1/chat/completions
//	responses *            POST   /v1/responses (kept unless store is false; background, previous_response_id)
//	responses.get *        GET    /v1/responses/{id} (stream=true, starting_after)
//	responses.delete       DELETE /v1/responses/{id}
//	responses.cancel       POST   /v1/responses/{id}/cancel
//	responses.compact      POST   /v1/responses/compact
//	count_tokens           POST   /v1/responses/input_tokens
//	completions *          POST   /v1/completions
//	embeddings             POST   /v1/embeddings
//	images.generations *   POST   /v1/images/generations
//	images.edits *         POST   /v1/images/edits (JSON or a form)
//	images.variations      POST   /v1/images/variations (a form)
//	audio.speech *         POST   /v1/audio/speech (a sound, or events with stream_format: sse)
//	audio.transcriptions * POST   /v1/audio/transcriptions (a form; json, verbose_json, text, srt, vtt)
//	audio.translations     POST   /v1/audio/translations (a form)
//	moderations            POST   /v1/moderations
//	files.…                POST, GET /v1/files; GET, DELETE /v1/files/{id}; GET /v1/files/{id}/content
//	batches.…              POST, GET /v1/batches; GET /v1/batches/{id}; POST /v1/batches/{id}/cancel
//	fine_tuning.…          POST, GET /v1/fine_tuning/jobs; GET …/{id}; POST …/{id}/cancel
//	models.…               GET /v1/models, /v1/models/{model}
//	realtime               GET /v1/realtime: refused with 426, as a call that is no WebSocket's
//
//	Anthropic
//	messages *             POST   /v1/messages
//	count_tokens           POST   /v1/messages/count_tokens
//	batches.…              POST, GET /v1/messages/batches; GET, DELETE …/{id}; POST …/{id}/cancel; GET …/{id}/results
//	files.…                POST, GET /v1/files; GET, DELETE /v1/files/{id}; GET /v1/files/{id}/content
//	models.…               GET /v1/models (limit, after_id, before_id), /v1/models/{model}
//	chat *                 POST   /v1/chat/completions (the layer that is compatible with OpenAI)
//
//	Gemini, below /v1beta and /v1
//	generate *             POST   /models/{model}:generateContent, :streamGenerateContent (alt=sse or an array)
//	count_tokens           POST   /models/{model}:countTokens
//	embeddings             POST   /models/{model}:embedContent
//	embeddings.batch       POST   /models/{model}:batchEmbedContents
//	files.…                POST /upload/v1beta/files (resumable); GET /files; GET, DELETE /files/{id}; GET /files/{id}:download
//	caches.…               POST, GET /cachedContents; GET, DELETE /cachedContents/{id}
//	models.…               GET /models (pageSize, pageToken), /models/{model}
//	chat *, embeddings, images.generations, models.… below /v1beta/openai: the part that is compatible with OpenAI
//
// Every number of tokens comes from the [Config], told as each API tells it;
// so do the text, the thinking and the call of a tool. What a fake finds wrong
// with a call it says in the provider's own words.
//
// # Things that are kept
//
// Files, batches, jobs, responses and cached contents belong to the credential
// that made them; for every other one they do not exist, and a call that names
// them is refused, just as the real ones refuse a call that reaches the wrong
// account. A batch is answered when it is made, and shows it when
// [Config].WorkTime has passed. The newest 4096 things are kept, and of those
// 256 MiB at most; a batch has at most 1000 calls.
//
// # Failures
//
// A [Step] says how one call is answered. Put steps into a script, for everyone
// or for one credential, or set one for good:
//
//	fake.Script(providertest.RateLimited(2*time.Second))     // the next call, whoever makes it
//	fake.ScriptFor("key-1", providertest.Overloaded())       // the next call with key-1
//	fake.AlwaysFor("key-2", providertest.QuotaExhausted())   // every call with key-2
//	fake.Script(providertest.FailInStream(3, providertest.Overloaded()), providertest.CutStream(1))
//	fake.Always(providertest.Trickle(100*time.Millisecond).After(time.Second))
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
// Bodies of calls are read to at most 64 MiB, as plain JSON or as forms: a
// compressed one is broken to a fake.
//
// # Faults that break a connection
//
// [CutStream], and every call whose context ends while it waits, leave the
// handler by panic(http.ErrAbortHandler), as net/http asks of handlers that
// give up a connection. A net/http server cuts the connection and stays
// silent, and [InMemory] breaks the body off with io.ErrUnexpectedEOF; whoever
// calls ServeHTTP with a recorder has to recover.
package providertest
