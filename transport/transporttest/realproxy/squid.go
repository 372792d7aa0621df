package realproxy

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Squid starts squid (Debian package squid) as an HTTP proxy: plain requests
// and CONNECT, to every host and port; basic authentication if c has a user;
// no cache. It must be called from the test's own goroutine.
//
// squid refuses a wrong or missing password with 407, adds Via and
// X-Forwarded-For to plain requests, and logs a CONNECT when its tunnel closes.
func Squid(tb testing.TB, c Config) *Proxy {
	tb.Helper()
	g := &program{name: "squid", scheme: "http", binary: Lookup(tb, "squid", "squid"), leftovers: removeShared}
	helper := ""
	if c.User != "" {
		helper = passwordHelper(tb)
	}
	g.prepare = func(h *home, port int) ([]string, error) {
		rules := "http_access allow all\n"
		if helper != "" {
			if err := h.create("passwords", []byte(c.User+":"+crypt(c.Password)+"\n"), 0o600); err != nil {
				return nil, err
			}
			rules = fmt.Sprintf(squidPassword, helper, h.join("passwords"))
		}
		config := fmt.Sprintf(squidConfig, port, rules)
		return []string{"-N", "-n", serviceName(port), "-f", h.join("squid.conf")},
			h.create("squid.conf", []byte(config), 0o600)
	}
	return start(tb, c, g)
}

// The cache_log is standard error, not /dev/null, because the password helper
// inherits it: the end of the output is how Stop sees the helper's end.
const squidConfig = `http_port 127.0.0.1:%d
%scache deny all
cache_mem 0
memory_cache_shared off
access_log stdio:/dev/stdout
cache_log /dev/stderr
logfile_rotate 0
pid_filename none
netdb_filename none
coredump_dir none
pinger_enable off
shutdown_lifetime 0
visible_hostname localhost
max_filedescriptors 4096
`

const squidPassword = `auth_param basic program %s %s
auth_param basic realm realproxy
auth_param basic children 1 startup=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`

// passwordHelper finds the program by which squid checks passwords.
func passwordHelper(tb testing.TB) string {
	tb.Helper()
	for _, folder := range []string{"/usr/lib/squid", "/usr/libexec/squid", "/usr/lib64/squid"} {
		path := filepath.Join(folder, "basic_ncsa_auth")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	unavailable(tb, "realproxy: squid's basic_ncsa_auth is not installed: apt-get install squid")
	return ""
}

// serviceName keeps two squids apart, which otherwise share memory by name.
func serviceName(port int) string { return fmt.Sprintf("realproxy%d", port) }

// removeShared removes the shared memory that a killed squid leaves.
func removeShared(port int) {
	segments, _ := filepath.Glob("/dev/shm/" + serviceName(port) + "-*.shm")
	for _, path := range segments {
		_ = os.Remove(path)
	}
}
