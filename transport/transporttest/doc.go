// Package transporttest is a kit of servers and forward proxies that run inside
// the test and misbehave on order. It is for anybody who tests a client that
// speaks HTTP through a proxy: nothing has to be installed, nothing leaves the
// machine, and every failure comes exactly when the test asks for it.
//
//	      your client
//	           │ Proxy.URL
//	           ▼
//	  ┌──────────────────┐  http · https · socks5 · socks4, with or without
//	  │      Proxy       │  a password. Does as its Fault says: refuse, hang,
//	  │  Fault, Targets  │  reset, cut, answer 407, speak nonsense …
//	  └──────────────────┘
//	           │ ProxyConfig.Dial (nil: the real address)
//	           ▼
//	  ┌──────────────────┐
//	  │      Server      │  plain, TLS or HTTP/2, on a free loopback port.
//	  │ Accepted, Peak … │  Counts connections, cuts them on request.
//	  └──────────────────┘
//	CA: one authority in memory, for the certificates of both
//
// # Where a fault strikes
//
// A client passes these steps on its way through a proxy. The kinds of fault
// are named at the step they spoil:
//
//	TCP connection     FaultDown  FaultReset
//	first answer       FaultHang  FaultGarbage          (before the TLS of an https proxy)
//	proxy's answer     FaultAnswer  FaultCutHandshake  FaultHangConnect
//	                   and, by itself, a wrong password or an unreachable target
//	inside the tunnel  FaultEarlyBytes  FaultCutTunnel  FaultHangTunnel  FaultCutBody
//
// # Servers that follow a script
//
// A Server answers as it should. Where an endpoint is to misbehave, an [H1Peer]
// (HTTP/1.1, byte by byte) or an [H2Peer] (HTTP/2, frame by frame) takes its place
// and calls a func of the test's for each request:
//
//	the upload is not read        H1Exchange.Hang    H2FaultNoWindow
//	read, then hung up on         H1Exchange.Close   H2Stream.Close
//	broken off                    H1Exchange.Cut, Reset   H2Stream.Reset
//	never answered                H1Exchange.Drain   a Serve that waits for the Context
//	answered as nobody asked      H1Exchange.Answer  H2Stream.Answer
//	refused, or sent elsewhere                       H2Stream.Reset, GoAway
//	a dead connection                                H2FaultSilent, H2FaultNoPong
//
// # Without waiting by the clock
//
// Nothing in this package sleeps, and a test that uses it need not either: Wait
// of a Server, a Proxy or a peer returns when its counts satisfy a condition, such
// as "no connection is open any more".
//
// Everything a Server, a Proxy or a peer starts belongs to it and has ended when
// its Close returns. Their methods may be called by several goroutines at once.
package transporttest
