package realproxy

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
)

// Dante starts danted (Debian package dante-server) as a SOCKS5 proxy, with a
// user name and password if c has them. It connects from the loopback
// interface, so it reaches every port of this machine and nothing else; with a
// user, the one host name it knows is localhost. It must be called from the
// test's own goroutine.
//
// danted logs addresses as host.port, also those of whom it refuses.
//
// danted knows no passwords but those of the system's accounts. With a user it
// therefore runs in a root folder of its own, which holds the program, its
// libraries and an /etc with that one account: the system's accounts are
// neither used nor changed. That needs a test that runs as root, or a system
// that lets ordinary users make user namespaces; where neither is so the test
// is skipped, or fails, as for a missing program.
func Dante(tb testing.TB, c Config) *Proxy {
	tb.Helper()
	g := &program{name: "danted", scheme: "socks5", binary: Lookup(tb, "danted", "dante-server")}
	if c.User == "" {
		g.prepare = func(h *home, port int) ([]string, error) {
			return []string{"-f", h.join("danted.conf"), "-p", h.join("pid")},
				h.create("danted.conf", danteConfig(port, "none"), 0o600)
		}
		return start(tb, c, g)
	}
	if err := mayJail(); err != nil {
		unavailable(tb, fmt.Sprintf("realproxy: danted with a user needs a root folder of its own: %v: run the test as root, or allow user namespaces", err))
	}
	g.jailed = true
	g.prepare = func(h *home, port int) ([]string, error) {
		if err := h.jail(g.binary); err != nil {
			return nil, err
		}
		if err := h.account(c); err != nil {
			return nil, err
		}
		return []string{"-f", "/danted.conf", "-p", "/pid"},
			h.create("danted.conf", danteConfig(port, "username"), 0o600)
	}
	return start(tb, c, g)
}

func danteConfig(port int, method string) []byte {
	return fmt.Appendf(nil, `logoutput: stderr
internal: 127.0.0.1 port = %d
external: lo
clientmethod: none
socksmethod: %s
client pass {
	from: 0/0 to: 0/0
	log: error
}
socks pass {
	from: 0/0 to: 0/0
	command: connect
	log: connect disconnect error
}
`, port, method)
}

// mayJail reports whether a program can be given a root folder of its own.
var mayJail = sync.OnceValue(func() error {
	h, err := newHome()
	if err != nil {
		return err
	}
	defer h.remove()
	path, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	if err := h.jail(path); err != nil {
		return err
	}
	p, err := launch(h, path, nil, true)
	if err != nil {
		return err
	}
	<-p.exited
	return p.kill()
})

// library finds the files that ldd names.
var library = regexp.MustCompile(`(/\S+) \(0x`)

// jail copies the program and its libraries into the folder, under their own
// names.
func (h *home) jail(binary string) error {
	list, err := exec.Command("ldd", binary).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", binary, err)
	}
	files := []string{binary}
	for _, match := range library.FindAllSubmatch(list, -1) {
		files = append(files, string(match[1]))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := h.create(file, content, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// account writes an /etc with one account, the program's own user under c's
// name, and the names of this machine.
func (h *home) account(c Config) error {
	files := []struct{ name, content string }{
		{"etc/passwd", fmt.Sprintf("%s:x:%d:%d::/:/\n", c.User, h.owner.uid, h.owner.gid)},
		{"etc/group", fmt.Sprintf("proxy:x:%d:\n", h.owner.gid)},
		{"etc/shadow", fmt.Sprintf("%s:%s:1::::::\n", c.User, crypt(c.Password))},
		{"etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
		{"dev/null", ""},
	}
	for _, f := range files {
		if err := h.create(f.name, []byte(f.content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
