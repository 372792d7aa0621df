// Package admin is the gateway's admin API: JSON under /admin/v1, for programs and for
// pages that programs serve.
//
//	request ─► token ─► route ─► query, body: strict ─► Store ─► Reload, Forget ─► the next request is served by it
//	            │ 401      │ 404, 405      │ 400, 413, 415      │ 404, 409      └─► one line in the log: who, what, which
//	            └─► 429 for an address that guesses
//
// New makes an http.Handler; what it serves is described at /admin/v1/openapi.json:
//
//	handler, err := admin.New(admin.Config{Gateway: gateway, Store: db, TokenHash: hash})
//	if err != nil { … }
//	mux.Handle("/admin/v1/", handler)
//
// # Secrets
//
// Secrets go in and never come out: *** stands in their place, in an account's proxy_url
// and headers too, and what is sent back with *** in it keeps what is stored. The secret
// of a key is told once, by the answer to its creation or its rotation.
//
// # Changes
//
// PATCH changes what the body names: a field that is absent stays as it is, null makes it
// the default. Whatever does not fit is refused as a whole, and the error names the field.
// Accounts and keys of the configuration file are shown, and changed there.
//
// # Errors
//
// Each is {"error": {"code", "message", "field"}}; field is left out where none is to
// blame. The header X-Request-Id names the line in the log.
package admin
