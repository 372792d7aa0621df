package realproxy

import (
	"strconv"
	"testing"
)

// Microsocks starts microsocks (Debian package microsocks) as a SOCKS5 proxy to
// every host and port, with a user name and password if c has them. It must be
// called from the test's own goroutine.
//
// microsocks takes its password from the command line, where other users of
// the machine can see it for the moment until it has started, and logs nothing
// of what it refuses.
func Microsocks(tb testing.TB, c Config) *Proxy {
	tb.Helper()
	g := &program{name: "microsocks", scheme: "socks5", binary: Lookup(tb, "microsocks", "microsocks")}
	g.prepare = func(_ *home, port int) ([]string, error) {
		arguments := []string{"-i", "127.0.0.1", "-p", strconv.Itoa(port)}
		if c.User != "" {
			arguments = append(arguments, "-u", c.User, "-P", c.Password)
		}
		return arguments, nil
	}
	return start(tb, c, g)
}
