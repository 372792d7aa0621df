package transport

import (
	"io"
	"net/http"
	"strings"
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

// squidUnsent are the errors of squid (X-Squid-Error) after which it has not
// passed the request on.
var squidUnsent = map[string]bool{
	"ERR_ACCESS_DENIED": true, "ERR_CACHE_ACCESS_DENIED": true, "ERR_CONNECT_FAIL": true,
	"ERR_DNS_FAIL": true, "ERR_CANNOT_FORWARD": true, "ERR_SECURE_CONNECT_FAIL": true,
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
	default:
		return nil
	}
	if squid := resp.Header.Get("X-Squid-Error"); squid != "" {
		if name, _, _ := strings.Cut(squid, " "); squidUnsent[name] {
			e.Sent = SentNo
		}
		return e
	}
	if resp.Header.Get("Proxy-Status") != "" { // RFC 9209
		return e
	}
	return nil
}

// hangsUp tells whether an answer came by a proxy that closes the connection after
// it without saying so. tinyproxy (1.11) does: the next request on the connection
// would be lost in the race with its close, and a POST could not be sent again.
func hangsUp(h http.Header) bool {
	for _, via := range h.Values("Via") {
		if strings.Contains(strings.ToLower(via), "tinyproxy") {
			return true
		}
	}
	return false
}
