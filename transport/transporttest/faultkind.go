package transporttest

import "fmt"

// FaultKind is a way for a Proxy to fail. A kind that is not listed here is
// refused by NewProxy; given to SetFault, it closes every connection at once.
type FaultKind uint8

const (
	// FaultNone is a proxy that works.
	FaultNone FaultKind = iota

	// FaultDown stops listening: a client's connection is refused. Connections
	// that were accepted before stay. SetFault with any other kind
	// listens again, on the same port, which stays reserved in between.
	FaultDown

	// FaultHang accepts and reads whatever the client sends, until the client
	// goes, and never answers anything: not even the TLS of an https proxy.
	FaultHang

	// FaultAnswer takes the client's request for a target, checks the
	// credentials, and answers with Status and Header in place of the target.
	// What it answers is never taken back: with Status 200 the client is told
	// that the tunnel is open, and then the connection ends.
	FaultAnswer

	// FaultCutHandshake takes the request for a target, sends the first half of
	// the answer that means success, and closes. An https proxy has completed
	// its TLS by then, but ends it without close_notify.
	FaultCutHandshake

	// FaultReset answers the connection itself with a TCP reset. The client sees
	// it when it dials or when it first reads or writes, as the race goes.
	FaultReset

	// FaultCutTunnel says that the tunnel is open, without reaching for the
	// target, and closes at the first byte that comes through it: TLS inside
	// dies. An absolute-form request is cut without an answer.
	FaultCutTunnel

	// FaultHangTunnel says that the tunnel is open, without reaching for the
	// target. What the client sends is swallowed, and nothing ever comes back.
	// An absolute-form request is never answered.
	FaultHangTunnel

	// FaultCutBody lets After bytes from the target come back, and then cuts
	// both the client and the target.
	FaultCutBody

	// FaultEarlyBytes sends the target's first bytes in one packet with the
	// answer that opens the tunnel. The target must be one that speaks first:
	// until it has spoken, the client waits. Absolute-form requests are served
	// as they should be.
	FaultEarlyBytes

	// FaultGarbage waits for the client's first byte and answers with bytes that
	// are neither HTTP nor SOCKS nor TLS, then closes. It comes before the TLS
	// of an https proxy.
	FaultGarbage

	// FaultHangConnect takes the request for a target, checks the credentials,
	// and never answers it. It differs from FaultHang in that everything before
	// goes well: the TLS of an https proxy and the password of SOCKS5.
	FaultHangConnect
)

// String returns a short name such as "cut tunnel".
func (k FaultKind) String() string {
	switch k {
	case FaultNone:
		return "none"
	case FaultDown:
		return "down"
	case FaultHang:
		return "hang"
	case FaultAnswer:
		return "answer"
	case FaultCutHandshake:
		return "cut handshake"
	case FaultReset:
		return "reset"
	case FaultCutTunnel:
		return "cut tunnel"
	case FaultHangTunnel:
		return "hang tunnel"
	case FaultCutBody:
		return "cut body"
	case FaultEarlyBytes:
		return "early bytes"
	case FaultGarbage:
		return "garbage"
	case FaultHangConnect:
		return "hang connect"
	}
	return fmt.Sprintf("FaultKind(%d)", uint8(k))
}

func (k FaultKind) known() bool { return k <= FaultHangConnect }
