package transport

import "slices"

// Phase is the step of a request's way at which something happened. The steps are
// in the order in which a request takes them.
type Phase uint8

// The phases. A request sent without a proxy passes PhaseDNS, PhaseDialTarget,
// PhaseTargetTLS and then PhaseSend, PhaseWait and PhaseBody; a connection that is
// used again starts at PhaseSend.
const (
	PhaseUnknown        Phase = iota
	PhaseDNS                  // looking up a name here: the proxy's, or the endpoint's when no proxy does it
	PhaseDialProxy            // connecting to the proxy
	PhaseProxyTLS             // TLS with an https proxy
	PhaseProxyHandshake       // agreeing on the protocol with a SOCKS proxy
	PhaseProxyAuth            // showing the proxy who we are
	PhaseProxyConnect         // waiting for the proxy to reach the endpoint
	PhaseDialTarget           // connecting to the endpoint without a proxy
	PhaseTargetTLS            // TLS with the endpoint, through the tunnel if there is one
	PhaseSend                 // sending the request
	PhaseWait                 // waiting for the answer's headers
	PhaseBody                 // reading the answer's body
)

var phaseNames = [...]string{
	PhaseUnknown:        "unknown",
	PhaseDNS:            "dns",
	PhaseDialProxy:      "dial-proxy",
	PhaseProxyTLS:       "proxy-tls",
	PhaseProxyHandshake: "proxy-handshake",
	PhaseProxyAuth:      "proxy-auth",
	PhaseProxyConnect:   "proxy-connect",
	PhaseDialTarget:     "dial-target",
	PhaseTargetTLS:      "target-tls",
	PhaseSend:           "send",
	PhaseWait:           "wait",
	PhaseBody:           "body",
}

// String is the phase's name in lower case, with hyphens: "proxy-connect".
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return phaseNames[PhaseUnknown]
}

// MarshalText is String, for logs and JSON.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote. A name that it does not know, of a later
// version, is PhaseUnknown.
func (p *Phase) UnmarshalText(text []byte) error {
	*p = PhaseUnknown
	if i := slices.Index(phaseNames[:], string(text)); i > 0 {
		*p = Phase(i) //nolint:gosec // a dozen
	}
	return nil
}

// Sent says whether any byte of a request can have reached the endpoint.
type Sent uint8

// A request may be sent again, whatever its method, only after SentNo.
const (
	SentUnknown Sent = iota // it cannot be told: treat as sent
	SentNo                  // nothing was sent
	SentYes                 // at least a part was sent
)

// String is "unknown", "no" or "yes".
func (s Sent) String() string {
	switch s {
	case SentNo:
		return "no"
	case SentYes:
		return "yes"
	default:
		return "unknown"
	}
}

// MarshalText is String, for logs and JSON.
func (s Sent) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote. Anything else is SentUnknown.
func (s *Sent) UnmarshalText(text []byte) error {
	switch string(text) {
	case "no":
		*s = SentNo
	case "yes":
		*s = SentYes
	default:
		*s = SentUnknown
	}
	return nil
}
