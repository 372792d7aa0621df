// Package provider knows what an AI API looks like on the wire, and nothing
// else: it opens no connection, keeps no state between requests and starts no
// goroutine. An [API] is a protocol (a set of funcs); a [Provider] is a place
// where that protocol is spoken. Only a [Credential] lives longer than a request:
// [OAuth], [Command] and [File] keep a token until it is time for the next, and
// send what they have to send through the account's own transport ([WithCarrier]).
//
//	request                                          answer
//	   │                                                │
//	   ├─ Match       whose base is this URL below?     │
//	   ├─ Plain       the body, its codings taken off   │
//	   ├─ Describe    operation, model, stream, session │
//	   │                                                │
//	   ├─ Rename      the model, as the account says it │
//	   ├─ Address     scheme, host, path of the account │
//	   ├─ Strip       every credential the caller sent  │
//	   └─ Authorize   the account's own credential      │
//	   │                                                │
//	   └──────────────────► the wire ◄──────────────────┤
//	                                                    │
//	      Classify   status, headers, head of the body ─┤ ─► Verdict
//	      Meter      every byte, as it passes by       ─┘ ─► Usage
//
// The order of the left column matters: Address makes the URL the request will
// leave with, so Authorize can look at it, and nothing that the caller sent as
// a credential survives StripCredentials.
//
// A [PriceTable] says what a Usage costs.
//
// What is known about each API stands in tables (openai_rules.go,
// anthropic_rules.go, gemini_rules.go, routes.go, probe_presets.go, advice.go,
// price_starter.go), so that a reader can hold them against the vendors' pages.
// Others copy these APIs and differ in what their errors mean: [Lookup] finds
// them by name, and the file of that name (deepseek.go, zhipu.go, local.go) has
// what is different. Where a comment gives a source it is one of
//
//	oai-spec   OpenAI's OpenAPI file of 2026-08-21      oai-docs  OpenAI's error page, autumn 2026
//	ant-docs   platform.claude.com, August/September 2026   ant-ts    npm @anthropic-ai/sdk 1.11.0
//	genai      google.golang.org/genai v1.77.0          seen      bodies quoted in public repositories
//	provider-facts   the collected facts, by section    [D] documented, [T] seen at third parties, [U] unsure
//
// Errors of this package never hold a credential, and neither does the
// Message of a Verdict.
package provider
