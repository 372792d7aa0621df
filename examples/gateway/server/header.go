package server

import (
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// notUpstream are headers of requests that go no further: those of one hop, of proxies on
// the way here, and of the client's own names. Credentials the balancer takes out.
var notUpstream = headerSet("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Content-Length", "Host",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
	"X-Forwarded-Prefix", "X-Real-Ip", "Via", "True-Client-Ip", "Cf-Connecting-Ip", "Cf-Ipcountry", "Cf-Ray", "Cf-Visitor",
	"X-Request-Id", "Cookie", "Origin", "Referer", "X-Http-Method-Override", "Http2-Settings")

// notDownstream are headers of answers that go no further: those of one hop, and what
// tells about an account of ours and how it is reached.
var notDownstream = headerSet("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Set-Cookie", "Set-Cookie2", "Server", "Via", "Alt-Svc",
	"Strict-Transport-Security", "Nel", "Report-To", "Expect-Ct", "X-Powered-By", "Www-Authenticate", "Location",
	"Openai-Version", "X-Request-Id", "Request-Id", "Content-Security-Policy", "Server-Timing", "Date")

func headerSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// upstreamHeader is a request's header without what goes no further. Its values are the
// caller's.
func upstreamHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if !notUpstream[name] {
			out[name] = values
		}
	}
	dropNamed(out, h["Connection"])
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil // so that net/http writes none of its own
	}
	return out
}

// dropNamed removes the headers that Connection names as those of one hop.
func dropNamed(h http.Header, connection []string) {
	for _, line := range connection {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
}

// downstreamHeader sets the header of the client's answer from the provider's.
func (x *exchange) downstreamHeader(from http.Header) {
	to := x.w.Header()
	for name, values := range from {
		if !notDownstream[name] && !tellsOfAccount(name) {
			to[name] = values
		}
	}
	dropNamed(to, from["Connection"])
	for _, name := range []string{"Request-Id", "X-Request-Id", "Apim-Request-Id", "X-Amzn-Requestid"} {
		if values := from[name]; len(values) > 0 {
			to["X-Upstream-Request-Id"] = values[:1]
			break
		}
	}
	dialect.SetRequestID(to, x.route.API, x.id)
}

// tellsOfAccount tells whether a header is about the account that served: its limits, its
// organisation, or the edge that it was reached by.
func tellsOfAccount(name string) bool {
	switch {
	case strings.HasPrefix(name, "Cf-"), strings.HasPrefix(name, "Access-Control-"), strings.HasPrefix(name, "X-Codex-"), strings.HasPrefix(name, "Ratelimit"),
		strings.HasPrefix(name, "X-Amz-"), strings.HasPrefix(name, "X-Amzn-"):
		return true
	}
	for _, part := range [...]string{"Ratelimit", "Rate-Limit", "Organization", "Workspace", "Project", "Anthropic-Priority-", "Anthropic-Fast-"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
