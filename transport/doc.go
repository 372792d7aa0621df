// Package transport makes one attempt on the wire: it sends a request through a
// proxy, over connections that are used again, and says exactly where it failed.
//
//	Retry ─► Fallback ─► Pooled ─► agent ─► Dialer ─► proxy ─► endpoint
//	 │        │           │         │        └ a tunnel by CONNECT or SOCKS
//	 │        │           │         └ connections to one origin by one route
//	 │        │           └ which proxy? which agent of the pool?
//	 │        └ directly, if the proxy cannot be got past and the Config allows it
//	 └ once more, if nothing was sent
//
// [New] puts the layers together; each is exported and works over any
// [http.RoundTripper].
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
package transport
