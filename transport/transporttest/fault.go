package transporttest

import "net/http"

// Fault is what a Proxy does wrong. The zero Fault is a proxy that works.
//
// A connection's fault is settled when the proxy accepts it and holds for all
// of its requests. Every fault ends its connection, so that one faulty answer
// is one connection; only FaultEarlyBytes, and FaultCutBody with a target that
// sends no more than After bytes, leave it as it is.
type Fault struct {
	Kind FaultKind

	// Status is the code that FaultAnswer answers with: the HTTP status, or the
	// reply code of SOCKS. 0: a general failure, which is 502 for HTTP, 1 for
	// SOCKS5 and 91 for SOCKS4.
	Status int

	// Header is added to the answer of FaultAnswer; SOCKS has none.
	Header http.Header

	// After is how many bytes still come back from the target before
	// FaultCutBody cuts. The cut follows the last of them at once; with 0 it
	// follows the first byte that the target sends, which is withheld. In a
	// tunnel all bytes count, those of TLS included; in the answer to an
	// absolute-form request only those of its body do.
	After int64

	// Times is the number of connections the fault is for: the next n, after
	// which the proxy works. 0: all, until SetFault. FaultDown ignores it, for
	// want of connections.
	Times int
}

// clone returns a copy that shares nothing with f.
func (f Fault) clone() Fault {
	f.Header = f.Header.Clone()
	return f
}
