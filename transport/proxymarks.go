package transport

import (
	"net/http"
	"slices"
	"strings"
)

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
var proxyServers = []string{"squid", "tinyproxy", "mitmproxy"}

// servedByProxy tells whether an answer is a page of a proxy that is known by its
// pages.
func servedByProxy(h http.Header) bool {
	server := strings.ToLower(h.Get("Server"))
	return privoxyPage(h) || slices.ContainsFunc(proxyServers, func(name string) bool { return strings.HasPrefix(server, name) })
}

// privoxyPage tells whether Privoxy (3.0) made an answer. It says so nowhere, but the
// dates of its pages are always these.
func privoxyPage(h http.Header) bool {
	return h.Get("Last-Modified") == "Wed, 08 Jun 1955 12:00:00 GMT" && h.Get("Expires") == "Sat, 17 Jun 2000 12:00:00 GMT"
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
// it without saying so: the next request on the connection would be lost in the race
// with its close, and a POST could not be sent again. tinyproxy (1.11) does it after
// every answer, Privoxy (3.0) after its own pages.
func hangsUp(h http.Header) bool {
	if privoxyPage(h) {
		return true
	}
	for _, via := range h.Values("Via") {
		if strings.Contains(strings.ToLower(via), "tinyproxy") {
			return true
		}
	}
	return false
}
