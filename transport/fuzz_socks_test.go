package transport_test

import (
	"testing"

	"github.com/aitransport/aitransport/transport"
)

// FuzzSOCKS5Answer: whatever a SOCKS5 proxy answers, the dial ends, in the phase to
// which its answers came and with the code it gave; and when it grants the tunnel,
// every byte behind its reply comes through it.
func FuzzSOCKS5Answer(f *testing.F) {
	for _, answer := range []string{
		"", "05", "04", "0500", "05ff", "0502", "0501", "05020100", "05020101", "0502 0500 05000001",
		"0500 05000001 7f000001 1234", "0500 05000001 00000000 0000 16030100", "0500 05000001 7f00",
		"0502 0100 05000003 06 612e74657374 01bb 68656c6c6f", "0500 05000003 00 0000", "0500 05000003 ff 61",
		"0500 05000004 20010db8000000000000000000000001 01bb 00ff", "0500 05000005 00", "0500 05000101 7f000001 1234",
		"0500 05050001 00000000 0000", "0500 05ff", "0500 04000001 7f000001 1234", "0502 0100 0502",
		"485454502f312e3120343030204261642052657175657374 0d0a0d0a",
	} {
		f.Add(unhex(answer), []byte(nil), true, true)
		f.Add(unhex(answer), []byte{0}, false, false)
	}
	f.Fuzz(func(t *testing.T, answer, pieces []byte, hangsUp, auth bool) {
		url := "socks5://proxy"
		if auth {
			url = "socks5h://user:" + marker + "@proxy:1080"
		}
		dialScript(t, url, &script{rest: answer, pieces: pieces, hangsUp: hangsUp}, socks5Outcome(answer, auth))
	})
}

// socks5Outcome reads the answers by RFC 1928 and RFC 1929.
func socks5Outcome(said []byte, auth bool) tunnelOutcome {
	const handshake, authentication, connect = transport.PhaseProxyHandshake, transport.PhaseProxyAuth, transport.PhaseProxyConnect
	if len(said) < 2 || said[0] != 5 {
		return fails(0, handshake)
	}
	method, said := said[1], said[2:]
	switch {
	case method == 0xff:
		return fails(0xff, authentication)
	case method == 2 && auth && len(said) < 2:
		return fails(0, authentication)
	case method == 2 && auth && said[0] != 1:
		return fails(anyCode, handshake, authentication)
	case method == 2 && auth && said[1] != 0:
		return fails(int(said[1]), authentication)
	case method == 2 && auth:
		said = said[2:]
	case method != 0 && auth:
		return fails(0, handshake)
	}
	o := socks5Reply(said)
	if method != 0 && !auth { // it was not offered: the proxy may get away with it, or not
		o.either, o.phases, o.code = true, nil, anyCode
		if method == 2 {
			o.phases = []transport.Phase{authentication}
		}
	}
	return o
}

func socks5Reply(said []byte) tunnelOutcome {
	const handshake, connect = transport.PhaseProxyHandshake, transport.PhaseProxyConnect
	switch {
	case len(said) >= 2 && said[0] == 5 && said[1] != 0:
		return fails(int(said[1]), connect)
	case len(said) < 4:
		return fails(0, connect)
	case said[0] != 5 || said[2] != 0:
		return fails(0, connect, handshake)
	}
	length := map[byte]int{1: 4 + 4 + 2, 4: 4 + 16 + 2}[said[3]]
	if said[3] == 3 && len(said) > 4 {
		length = 4 + 1 + int(said[4]) + 2
	}
	if length == 0 || len(said) < length {
		return fails(0, connect, handshake)
	}
	return tunnelOutcome{open: true, rest: said[length:]}
}

// FuzzSOCKS4Answer is the same for SOCKS4 and SOCKS4a.
func FuzzSOCKS4Answer(f *testing.F) {
	for _, answer := range []string{
		"", "00", "005a", "005a000000000000", "005a01bb7f000001 16030100", "005b000000000000", "005c000000000000",
		"005d000000000000", "045a000000000000", "0000000000000000", "005a0000000000", "485454502f312e31", "0500",
	} {
		f.Add(unhex(answer), []byte(nil), true, true)
		f.Add(unhex(answer), []byte{0, 5}, false, false)
	}
	f.Fuzz(func(t *testing.T, answer, pieces []byte, hangsUp, user bool) {
		url := "socks4://proxy"
		if user {
			url = "socks4a://user@proxy:1080"
		}
		dialScript(t, url, &script{rest: answer, pieces: pieces, hangsUp: hangsUp}, socks4Outcome(answer))
	})
}

// socks4Outcome reads the reply.
func socks4Outcome(said []byte) tunnelOutcome {
	const length = 8
	switch {
	case len(said) > 0 && said[0] != 0:
		return fails(0, transport.PhaseProxyHandshake)
	case len(said) < length:
		return fails(0, transport.PhaseProxyConnect)
	case said[1] == 90:
		return tunnelOutcome{open: true, rest: said[length:]}
	case said[1] == 92, said[1] == 93:
		return fails(int(said[1]), transport.PhaseProxyAuth)
	default:
		return fails(int(said[1]), transport.PhaseProxyConnect)
	}
}
