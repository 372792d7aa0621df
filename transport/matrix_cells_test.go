package transport_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/transport"
)

// The matrix is every scheme of a proxy, to every kind of endpoint, with every
// fault, without fallback and with it. This file says what a caller may expect of
// each cell; nothing in it runs. The request is always a POST that could be sent
// again (it has GetBody), and Retries is negative, so that all counts are of one
// attempt.

// matrixFault is what goes wrong in a cell.
type matrixFault string

const (
	faultNone      matrixFault = "ok"
	faultRefused   matrixFault = "refused"          // the proxy's port refuses connections
	faultMute      matrixFault = "mute"             // the proxy accepts and then does not answer
	faultPassword  matrixFault = "wrong password"   // SOCKS4 has none: the USERID is refused
	fault502       matrixFault = "502"              // the proxy says that it could not; SOCKS has a code of its own for that
	faultHandshake matrixFault = "cut in handshake" // the proxy hangs up half way through its answer to what it was asked for
	faultTLS       matrixFault = "cut in TLS"       // the tunnel opens, and TLS inside it is cut
	faultBody      matrixFault = "cut in body"      // the answer's first bytes come, and no more
)

var matrixFaults = []matrixFault{
	faultNone, faultRefused, faultMute, faultPassword, fault502, faultHandshake, faultTLS, faultBody,
}

// matrixCell is one combination.
type matrixCell struct {
	scheme   string
	target   upstream
	fault    matrixFault
	fallback bool
}

// matrixCells are all cells of some schemes.
func matrixCells(schemes ...string) []matrixCell {
	var cells []matrixCell
	for _, scheme := range schemes {
		for _, target := range upstreams {
			for _, fault := range matrixFaults {
				for _, fallback := range []bool{false, true} {
					cells = append(cells, matrixCell{scheme, target, fault, fallback})
				}
			}
		}
	}
	return cells
}

func (c matrixCell) targetName() string { return strings.ReplaceAll(c.target.name, " ", "/") }

func (c matrixCell) name() string {
	fallback := map[bool]string{false: "off", true: "on"}[c.fallback]
	return fmt.Sprintf("%s/%s/%s/fallback %s", c.scheme, c.target.name, c.fault, fallback)
}

// whole tells whether the proxy is sent the request itself, with the whole URL.
// Then there is no handshake, and no tunnel.
func (c matrixCell) whole() bool {
	return !c.target.secure && (c.scheme == "http" || c.scheme == "https")
}

// socks5 tells whether the proxy agrees on a method before it is asked for anything.
func (c matrixCell) socks5() bool { return strings.HasPrefix(c.scheme, "socks5") }

// proxyDialect is what differs from one proxy program to another.
type proxyDialect struct {
	refusal     int  // its code for wrong credentials
	unreachable int  // its code for an endpoint that it cannot reach
	proves      bool // its answer to a whole request says whether that was passed on
	polite      bool // it is mute only to the question for the endpoint, and speaks before that
}

// timeLimit is which time limit of the Config ran out.
type timeLimit string

const (
	limitConnect timeLimit = "connect time-out"
	limitHeader  timeLimit = "header time-out"
)

// matrixOutcome is what the caller sees of a cell, and how often the endpoint was asked.
type matrixOutcome struct {
	status int             // of an answer that came and was whole; 0: an error came
	phase  transport.Phase // where it failed
	sent   transport.Sent
	code   int
	limit  timeLimit // "": none ran out

	via, direct int // requests that reached the endpoint, through the proxy and around it
}

// expect is what a caller may expect of a cell, or why there is no such cell.
//
//  1. The phase is the step whose answer did not come, or was a refusal.
//  2. While there is no tunnel, and no TLS where the endpoint has it, nothing was
//     sent: SentNo, and the endpoint is not asked. As soon as one byte of the request
//     may be with somebody, it was sent: SentYes.
//  3. An http:// endpoint behind an HTTP proxy has no tunnel: the proxy gets the
//     request itself. What goes wrong from then on goes wrong with a request that
//     somebody has, even if the endpoint never sees it. Only an answer of the proxy
//     can prove that it did not pass it on: that to wrong credentials does. And an
//     answer that the proxy does not own up to passes for the endpoint's.
//  4. With fallback, what failed unsent is answered directly, once, but for wrong
//     credentials, which somebody must mend. Whatever may have been sent is not sent
//     again, fallback or not.
func (c matrixCell) expect(d proxyDialect) (want matrixOutcome, impossible string) {
	want, impossible = c.expectAlone(d)
	if c.fallback && want.sent == transport.SentNo && want.phase != transport.PhaseProxyAuth {
		want = matrixOutcome{status: http.StatusOK, direct: 1}
	}
	return want, impossible
}

// expectAlone is what happens without fallback.
func (c matrixCell) expectAlone(d proxyDialect) (want matrixOutcome, impossible string) {
	unsent := func(phase transport.Phase, code int) matrixOutcome {
		return matrixOutcome{phase: phase, sent: transport.SentNo, code: code}
	}
	switch c.fault {
	case faultRefused:
		return unsent(transport.PhaseDialProxy, 0), ""
	case faultMute:
		return c.expectMute(d), ""
	case faultPassword:
		return unsent(transport.PhaseProxyAuth, d.refusal), ""
	case fault502:
		want = unsent(transport.PhaseProxyConnect, d.unreachable)
		if c.whole() && !d.proves { // it may have lost the endpoint's answer
			want.sent = transport.SentUnknown
		}
		return want, ""
	case faultHandshake:
		if c.whole() { // the only thing there is to answer is the request
			return matrixOutcome{phase: transport.PhaseWait, sent: transport.SentYes}, ""
		}
		return unsent(transport.PhaseProxyConnect, 0), ""
	case faultTLS:
		switch {
		case c.target.secure:
			return unsent(transport.PhaseTargetTLS, 0), ""
		case c.scheme == "https": // the only TLS there is
			return unsent(transport.PhaseProxyTLS, 0), ""
		}
		return matrixOutcome{}, "there is no TLS on the way to an http endpoint, but for that of an https proxy"
	case faultBody: // an answer is there, so the request was
		return matrixOutcome{phase: transport.PhaseBody, sent: transport.SentYes, via: 1}, ""
	default:
		return matrixOutcome{status: http.StatusOK, via: 1}, ""
	}
}

// expectMute is what happens when an answer does not come. All up to the tunnel and
// its TLS has one budget, that of connecting. A request that was sent waits for the
// answer's headers, however mute the proxy; then nobody knows where it is.
func (c matrixCell) expectMute(d proxyDialect) matrixOutcome {
	want := matrixOutcome{phase: transport.PhaseProxyConnect, sent: transport.SentNo, limit: limitConnect}
	switch {
	case c.scheme == "https" && !d.polite: // TLS comes first
		want.phase = transport.PhaseProxyTLS
	case c.whole():
		want = matrixOutcome{phase: transport.PhaseWait, sent: transport.SentYes, limit: limitHeader}
	case c.socks5() && !d.polite: // the method comes first
		want.phase = transport.PhaseProxyHandshake
	}
	return want
}
