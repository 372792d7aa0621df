// Package transport makes one attempt on the wire: it sends a request through a
// proxy, over connections that are used again, and says exactly where it failed.
//
//	Decode ─► Retry ─► Fallback ─► Downgrade ─► Pooled ─► agent ─► Dialer ─► proxy ─► endpoint
//	 │         │        │           │            │         │        └ a tunnel by CONNECT or SOCKS
//	 │         │        │           │            │         └ connections to one origin by one route
//	 │         │        │           │            └ which proxy? which agent of the pool?
//	 │         │        │           └ by HTTP/1.1, where HTTP/2 turned out not to work
//	 │         │        └ directly, if the proxy cannot be got past and the Config allows it
//	 │         └ once more, if nothing was sent
//	 └ without the content codings that nobody asked for
//
// [New] puts these layers together; each is exported and works over any
// [http.RoundTripper], as do [Replayable], [IdleTimeout] and [OnDone].
//
// Every failure is an [*Error] with a [Phase] and with what is known of whether the
// request was sent ([Sent]). Only what was never sent is sent again here, whatever
// its method; the rest is for the caller to judge. Nothing goes around a proxy
// unless the Config says so: a proxy that is wrong, unknown or unreachable is an
// error.
//
// Proxies are http, https, socks4, socks4a, socks5 and socks5h, with user and
// password ([ParseProxy]), fixed, chosen by URL or taken from the environment
// ([FromEnvironment]). Passwords show in no error, log or printed value.
//
// What happens on the way can be followed by [WithTrace], one request at a time, and
// by the lines that Config.Logger gets:
//
//	INFO   Using proxy                                   a route is used for the first time; afterwards at DEBUG
//	WARN   Proxy request failed
//	WARN   Falling back to direct connection             at DEBUG while the failure is remembered
//	INFO   Direct connection succeeded after proxy failure
//	WARN   SOCKS proxy does not support HTTP/2, falling back to HTTP/1.1
//	WARN   HTTP/2 failed, falling back to HTTP/1.1
//
// each with providerId (if Config.ProviderID is set), proxyUrl, origin,
// fallbackToDirect and http2Enabled. Under a balancer each has account as well.
package transport
