package realproxy

import (
	"fmt"
	"testing"
)

// Privoxy starts privoxy (Debian package privoxy) as an HTTP proxy: plain
// requests and CONNECT, to every host and port, with no filter and no action.
// It knows no passwords: a Config with a user fails the test. It must be called
// from the test's own goroutine.
//
// privoxy can hardly be seen where all goes well: it adds no Via, and to answers
// nothing but Proxy-Connection: keep-alive. It answers by itself
//
//	503 Connect failed                                the endpoint refuses
//	404 No such domain                                its name is unknown
//	502 No data received from server or forwarder     it hangs up without an answer
//	502 Server or forwarder response invalid          it speaks no HTTP
//
// to a CONNECT as to a plain request (the last two to plain requests only). The
// first three are pages with Content-Type: text/html and neither Server nor Via;
// two dates of long ago tell them from an endpoint's, always the same:
//
//	Last-Modified: Wed, 08 Jun 1955 12:00:00 GMT
//	Expires: Sat, 17 Jun 2000 12:00:00 GMT
//
// The last is text/plain with neither Date nor Content-Length. Answers that
// privoxy makes without having asked anybody, such as 400, look the same.
//
// Its connections: it keeps the client's after an endpoint's answer, but closes
// it after its own pages, and for plain requests mostly without Connection:
// close. Where an endpoint breaks off an answer that it sent in chunks, privoxy
// leaves the client waiting until its keep-alive time-out, here ten minutes, and
// then closes; where the answer had a Content-Length it closes at once. A request
// on a kept connection that the endpoint reads and then hangs up on gets no
// answer: privoxy closes the connection.
//
// It sends on a body with a Content-Length as it comes, but collects one that is
// sent in chunks, and answers 400 if it has more than 4 MiB. Plain requests to
// config.privoxy.org and p.p it answers itself.
func Privoxy(tb testing.TB, c Config) *Proxy {
	tb.Helper()
	if c != (Config{}) {
		tb.Fatalf("realproxy: privoxy: Config.User and Config.Password must be empty: privoxy knows no passwords; use Squid or Tinyproxy")
	}
	g := &program{name: "privoxy", scheme: "http", binary: Lookup(tb, "privoxy", "privoxy")}
	g.prepare = func(h *home, port int) ([]string, error) {
		return []string{"--no-daemon", h.join("config")},
			h.create("config", fmt.Appendf(nil, privoxyConfig, port), 0o600)
	}
	return start(tb, c, g)
}

// There is neither an actionsfile nor a filterfile, so there is nothing to
// rewrite by, and no limit-connect: CONNECT reaches every port.
const privoxyConfig = `templdir /etc/privoxy/templates
listen-address 127.0.0.1:%d
toggle 0
enable-remote-toggle 0
enable-remote-http-toggle 0
enable-edit-actions 0
keep-alive-timeout 600
default-server-timeout 600
tolerate-pipelining 1
socket-timeout 600
max-client-connections 1000
debug 512
debug 4096
debug 8192
`
