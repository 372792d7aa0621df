package transport

import (
	"io"
	"net/http"
	"time"
)

// maxDiscard is how much of a body is read away before it is closed, so that its
// connection can be used again.
const maxDiscard = 4 << 10

// discardTime is how long that may take. The caller waits meanwhile for what is
// known already, and a body that does not come soon may never come.
const discardTime = 50 * time.Millisecond

// discard ends an answer that nobody will read.
func discard(resp *http.Response) {
	hurry := time.AfterFunc(discardTime, func() { _ = resp.Body.Close() })
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	hurry.Stop()
	_ = resp.Body.Close()
}

// unsent are the reasons of proxies, those of squid (X-Squid-Error) and of RFC 9209
// section 2.3 (Proxy-Status), after which the request has not been passed on.
var unsent = map[string]bool{
	"ERR_ACCESS_DENIED": true, "ERR_CACHE_ACCESS_DENIED": true, "ERR_CONNECT_FAIL": true,
	"ERR_DNS_FAIL": true, "ERR_CANNOT_FORWARD": true, "ERR_SECURE_CONNECT_FAIL": true,

	"dns_timeout": true, "dns_error": true, "destination_not_found": true,
	"destination_unavailable": true, "destination_ip_prohibited": true, "destination_ip_unroutable": true,
	"connection_refused": true, "connection_timeout": true, "connection_limit_reached": true,
	"tls_protocol_error": true, "tls_certificate_error": true, "tls_alert_received": true,
	"http_request_denied": true, "proxy_loop_detected": true,
}

// proxyAnswer tells whether an answer to a request for an http:// endpoint is the
// proxy's own, and then what it means. The endpoint's answers, 401 and 503
// included, are none of its business.
func proxyAnswer(a *agent, resp *http.Response) *Error {
	e := &Error{Phase: PhaseProxyConnect, Proxy: a.proxy, Addr: a.key.Host, Code: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusProxyAuthRequired:
		e.Phase, e.Sent = PhaseProxyAuth, SentNo
		return e
	case http.StatusForbidden, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	case http.StatusUnauthorized, http.StatusInternalServerError, http.StatusNotFound:
		// tinyproxy's for a wrong password and for an endpoint that it cannot reach,
		// Privoxy's for a name that does not exist.
		if !servedByProxy(resp.Header) {
			return nil
		}
		if resp.StatusCode == http.StatusUnauthorized {
			e.Phase, e.Sent = PhaseProxyAuth, SentNo
		}
		return e
	default:
		return nil
	}
	reason, own := proxyReason(resp.Header)
	if !own {
		return nil
	}
	if unsent[reason] {
		e.Sent = SentNo
	}
	return e
}
