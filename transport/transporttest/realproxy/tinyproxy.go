package realproxy

import (
	"fmt"
	"strings"
	"testing"
)

// Tinyproxy starts tinyproxy (Debian package tinyproxy, or tinyproxy-bin) as an
// HTTP proxy: plain requests and CONNECT, to every host and port; basic
// authentication if c has a user. User and Password may have letters, digits
// and the signs -._ only: tinyproxy's configuration refuses others, @ for one,
// and has no way to quote them. It must be called from the test's own goroutine.
//
// tinyproxy refuses a wrong password with 401, a missing one with 407, and adds
// Via to plain requests. It closes the connection after each plain answer
// without saying so (its answers have no Connection: close): a client that
// sends a second plain request on the same connection may get an EOF instead of
// an answer, though the request was never read. Tunnels are not affected.
func Tinyproxy(tb testing.TB, c Config) *Proxy {
	tb.Helper()
	if strings.ContainsFunc(c.User+c.Password, unknownToTinyproxy) {
		tb.Fatalf("realproxy: tinyproxy: Config.User and Config.Password may have letters, digits and -._ only")
	}
	g := &program{name: "tinyproxy", scheme: "http", binary: Lookup(tb, "tinyproxy", "tinyproxy")}
	g.prepare = func(h *home, port int) ([]string, error) {
		config := fmt.Sprintf(tinyproxyConfig, port)
		if c.User != "" {
			config += fmt.Sprintf("BasicAuth %s %s\n", c.User, c.Password)
		}
		return []string{"-d", "-c", h.join("tinyproxy.conf")}, h.create("tinyproxy.conf", []byte(config), 0o600)
	}
	return start(tb, c, g)
}

// Without LogFile, tinyproxy logs to standard output; without ConnectPort, it
// lets CONNECT reach every port.
const tinyproxyConfig = `Listen 127.0.0.1
Port %d
MaxClients 1000
Timeout 600
LogLevel Info
`

func unknownToTinyproxy(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._", r))
}
