// Package server is the gateway's path: from a client's request, through its key and
// its limits, to one of many accounts, and back in the client's own dialect.
//
//	request ─► dialect.Match ─► who is it? ─► may it? ─► body ─► balancer ─► account
//	              │ no such path  │ 401         │ 403, 404  │ 400, 408, 413  │ Admit: model, limits (403, 402, 429)
//	              ▼               ▼             ▼           ▼                ▼
//	           a Problem, told in the dialect of the client          answer ─► relay ─► the client
//	                                                                    │
//	                                              its end: one resource.Request for the books, one line in the log
//
// New makes an http.Handler that can be mounted anywhere:
//
//	gateway, err := server.New(ctx, server.Config{Store: store})
//	if err != nil { … }
//	defer gateway.Close()
//	mux.Handle("/", gateway)
//
// The http.Server around it bounds what comes before a handler is called: give it a
// ReadHeaderTimeout, and an IdleTimeout. Its ReadTimeout and WriteTimeout would cut long
// uploads and streams; Config.BodyTimeout and WriteTimeout are for one read and one write.
//
// # What goes upstream
//
// The body as it came, but for its content coding; the headers without those of
// one hop, of proxies on the way here and of credentials. JSON is read whole and has to
// be one object whose model is a string, with what the gateway reads of it standing there
// once; forms and files stream, and are sent again only where they are short.
//
// # What comes back
//
// A good answer, and one that says what the caller did wrong (400, 404, 413, 422, 429), as
// it came: clients read the provider's words. What is about an account of ours (its
// credential, its money, its address) is the gateway's own 503, as it is while all accounts
// rest; a model that no account serves, whichever are disabled, left out or rest, is 404. A stream that breaks ends
// with an error event of its API and a broken connection. Interim answers (1xx) are not
// passed on: they may be those of an attempt that is given up.
//
// A client that leaves before the provider has said what was used is charged the least that
// it can have been.
//
// # Keys
//
// A key is found by the SHA-256 of its secret, in the configuration or in the Store, and
// remembered for five seconds, unknown ones too. Where the Store fails, a key that was
// known goes on for a minute.
//
// # Seams
//
// A user is a text on keys and records. Whoever has users and plans gives Authenticate,
// which returns the Key that stands for them, and a Store that knows what to do with a
// Request.
package server
