package transport

import "net/http"

// describe says what failed and what to do about it.
func (e *Error) describe() (what, advice string) {
	switch e.Phase {
	case PhaseDNS:
		return "cannot resolve " + e.Addr, "check the name and this machine's DNS"
	case PhaseDialProxy:
		return "cannot connect to the proxy", "it is down or unreachable: check its address, its port and the firewall"
	case PhaseProxyTLS:
		switch {
		case e.badCertificate():
			return "the proxy's certificate was not accepted", "add its root to ProxyTLS"
		case e.Code != 0:
			return e.describeAlert("the proxy", "ProxyTLS")
		}
		return "TLS with the proxy failed", "write http:// if the proxy does not speak TLS"
	case PhaseProxyHandshake:
		return "the proxy did not answer in its protocol", "check its scheme and port"
	case PhaseProxyAuth:
		return "authentication refused", "check the user name and password"
	case PhaseProxyConnect:
		return "the proxy opened no tunnel to " + e.Addr, e.connectAdvice()
	case PhaseDialTarget:
		return "cannot connect to " + e.Addr, "it is down or unreachable from here: check the address, the firewall, or use a proxy"
	case PhaseTargetTLS:
		return e.describeTLS()
	case PhaseSend, PhaseWait:
		return e.describeExchange()
	case PhaseBody:
		return "the answer of " + e.Addr + " broke off", ""
	default:
		return "the request to " + e.Addr + " failed", ""
	}
}

func (e *Error) describeExchange() (what, advice string) {
	switch {
	case e.Code != 0: // TLS 1.3 says so when the request is on its way
		return e.describeAlert(e.Addr, "TLS")
	case e.Phase == PhaseSend:
		return "sending the request to " + e.Addr + " failed", ""
	case e.Timeout():
		return "no answer from " + e.Addr + " in time", "allow more time or try another endpoint"
	default:
		return "the connection to " + e.Addr + " ended before an answer", ""
	}
}

// The TLS alerts (RFC 8446 section 6.2) that speak of a client's certificate.
const (
	alertBadCertificate      = 42
	alertUnknownCA           = 48
	alertCertificateRequired = 116
)

// describeAlert says what a peer meant that ended TLS with an alert, and in which
// field of a Config that is settled.
func (e *Error) describeAlert(peer, field string) (what, advice string) {
	switch e.Code {
	case alertCertificateRequired:
		return peer + " asks for a client certificate", "set one in " + field + ".Certificates"
	case alertBadCertificate, alertUnknownCA:
		return peer + " did not accept the client certificate", "set one that it trusts in " + field + ".Certificates"
	case alertNoProtocol:
		return peer + " speaks none of the protocols that were offered", "set HTTP2 to HTTP2Never"
	default:
		return peer + " ended TLS with an alert", "check that it accepts this client's TLS versions, ciphers and server name, and whether it wants a client certificate in " + field + ".Certificates"
	}
}

func (e *Error) describeTLS() (what, advice string) {
	if e.badCertificate() {
		what = "the certificate of " + e.Addr + " was not accepted"
		if e.Proxy != nil {
			return what, "if the proxy inspects TLS, add its root to TLS.RootCAs, or list the host in NO_PROXY"
		}
		return what, "check the host name, or add its root to TLS.RootCAs"
	}
	if e.Code != 0 {
		what, advice = e.describeAlert(e.Addr, "TLS")
		if e.Proxy != nil {
			advice += "; or the proxy intercepts this host: list it in NO_PROXY or allow fallback"
		}
		return what, advice
	}
	if e.Proxy != nil {
		return "the proxy's tunnel to " + e.Addr + " opened, then TLS inside it died",
			"the proxy may intercept or block this host: list it in NO_PROXY or allow fallback"
	}
	return "TLS with " + e.Addr + " failed", "check that the endpoint speaks TLS on this port"
}

// connectAdvice explains what the proxy answered. The SOCKS5 replies are those of
// RFC 1928 section 6, the SOCKS4 ones start at 91.
func (e *Error) connectAdvice() string {
	if !e.Proxy.socks() {
		switch e.Code {
		case 0:
			return "the proxy accepts connections but does not serve them: check it, or its port"
		case http.StatusForbidden, http.StatusMethodNotAllowed:
			return "the proxy forbids this host or port: allow it there, list the host in NO_PROXY or allow fallback"
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return "the proxy cannot reach this host: check the proxy's own network, or allow fallback"
		default:
			return "check the proxy's rules for this host and port"
		}
	}
	switch e.Code {
	case 0:
		return "the proxy does not answer the request: check it, or its port"
	case 2, 91:
		return "the proxy forbids this host or port, or cannot reach it: check its rules"
	case 3, 4, 5, 6:
		return "the proxy cannot reach this host: check the proxy's own network, or allow fallback"
	case 7, 8:
		return "the proxy does not support this kind of request or address"
	default:
		return "check the proxy's log"
	}
}
