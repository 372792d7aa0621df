package transport

import (
	"io"
	"net/http"
	"slices"
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
	case http.StatusUnauthorized, http.StatusInternalServerError: // tinyproxy's for a wrong password, and for an endpoint it cannot reach
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

// proxyReason tells whether a proxy made an answer, and its reason if it gave one.
func proxyReason(h http.Header) (reason string, own bool) {
	if squid := h.Get("X-Squid-Error"); squid != "" {
		reason, _, _ = strings.Cut(squid, " ")
		return reason, true
	}
	if status := strings.Join(h.Values("Proxy-Status"), ","); status != "" {
		return proxyStatus(status)
	}
	return "", h.Get("Proxy-Agent") != "" || signsAsProxy(h)
}

// proxyStatus reads the last member of a Proxy-Status field, that of the proxy
// nearest to us (RFC 9209 section 2). It only passed an answer on if it says what
// status it received.
func proxyStatus(field string) (reason string, own bool) {
	own = true
	for _, parameter := range splitUnquoted(last(splitUnquoted(field, ',')), ';')[1:] {
		switch name, value, _ := strings.Cut(strings.TrimSpace(parameter), "="); name {
		case "error":
			return strings.Trim(value, `"`), true
		case "received-status":
			own = false
		}
	}
	return "", own
}

// splitUnquoted splits where the separator does not stand in a quoted string. It
// returns at least one part.
func splitUnquoted(s string, separator byte) (parts []string) {
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

func last(parts []string) string { return parts[len(parts)-1] }

// proxyServers are forward proxies that name themselves as the Server of the pages
// they make, and leave the endpoint's own Server alone.
var proxyServers = []string{"squid", "tinyproxy", "privoxy", "mitmproxy"}

func servedByProxy(h http.Header) bool {
	server := strings.ToLower(h.Get("Server"))
	return slices.ContainsFunc(proxyServers, func(name string) bool { return strings.HasPrefix(server, name) })
}

// signsAsProxy tells whether an answer looks like a page of a proxy that says no
// more: it has the proxy's Server; or the proxy's Via, which stands on what it passes
// on as well, without the Server and the JSON that an AI provider's answer has.
func signsAsProxy(h http.Header) bool {
	if servedByProxy(h) {
		return true
	}
	server := strings.ToLower(h.Get("Server"))
	via := strings.ToLower(last(splitUnquoted(strings.Join(h.Values("Via"), ","), ',')))
	if via == "" || strings.Contains(via, "squid") { // squid's pages have X-Squid-Error
		return false
	}
	product, _, _ := strings.Cut(server, "/")
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	// What is passed on has a Date (RFC 9110 section 6.6.1), if need be the proxy's.
	page := strings.EqualFold(strings.TrimSpace(kind), "text/html") || kind == "" && h.Get("Date") == ""
	return page && strings.Contains(via, product) // also if there is no product
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
