// Package dialect knows which API a request to the gateway speaks, and tells the
// gateway's own errors in that API's words.
//
//	POST /team/v1/messages ─► Match ─► Route{Anthropic, group team, https://api.anthropic.com/v1/messages}
//	                            │
//	                            └─► *Problem ─► Write ─► {"type":"error","error":{…},"request_id":…}
//
// Paths are what the official clients send, after any of these prefixes:
//
//	/{group}               the accounts to use, as in /team/v1/messages
//	/openai /anthropic     the API, for those clients whose paths do not tell
//	/gemini
//
// What is not in the tables of this package is not found, so nothing that a client
// makes up reaches a provider. A path is taken apart into its segments and put together
// anew: double slashes and one at the end are dropped; a dot segment, an encoded slash
// and bytes that no path has are refused.
package dialect
