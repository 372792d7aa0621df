package realproxy

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Config says how a proxy is to be started. The zero Config is a proxy that
// asks nobody for a password. No fmt verb and no JSON of a Config shows the
// password.
type Config struct {
	User     string // "": no authentication; then Password is empty too. At most 255 bytes, no colon, space or control character, no # in front
	Password string `json:"-"` // at most 255 bytes, no control characters; tinyproxy: letters, digits, and -._ only, for both; privoxy: empty
}

// Format writes the Config without its password, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	if c.User == "" {
		fmt.Fprint(f, "{no authentication}")
		return
	}
	fmt.Fprintf(f, "{user %q, password ***}", c.User)
}

// validate reports what no proxy can be started with.
func (c Config) validate() error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case (c.User == "") != (c.Password == ""):
		return fmt.Errorf("Config.User and Config.Password go together: set both or neither")
	case strings.ContainsAny(c.User, ": "), strings.HasPrefix(c.User, "#"), strings.ContainsFunc(c.User, control), len(c.User) > 255:
		return fmt.Errorf("Config.User %q: use at most 255 bytes, no colon, space or control character, and no # in front", c.User)
	case strings.ContainsFunc(c.Password, control), len(c.Password) > 255:
		return fmt.Errorf("Config.Password: use at most 255 bytes and no control characters")
	}
	return nil
}

// Proxy is one running proxy server. All its methods may be called from
// several goroutines at once.
type Proxy struct {
	program *program
	config  Config
	port    int
	process *process
	release []func() // undone in reverse order once the process is gone

	once sync.Once
	err  error
}

// URL returns the proxy's address as a client's setting:
// http://127.0.0.1:port, https://127.0.0.1:port or socks5://127.0.0.1:port, with
// user and password, escaped, where the Config has them.
func (p *Proxy) URL() string {
	u := url.URL{Scheme: p.program.scheme, Host: p.Addr()}
	if p.config.User != "" {
		u.User = url.UserPassword(p.config.User, p.config.Password)
	}
	return u.String()
}

// Addr returns the address on which the proxy listens: 127.0.0.1 and a port.
// On Linux the port stays reserved until Stop.
func (p *Proxy) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
}

// Backend returns the proxy behind this one, to which it passes what it gets:
// that of HaproxyConfig, and nil for all programs but haproxy. Who wants to know
// which targets were asked for reads the Backend's Log.
func (p *Proxy) Backend() *Proxy { return p.program.backend }

// Log returns what the program has logged so far, at most the last 64 KiB of
// it: the start, and the traffic, in the program's own format. It starts with
// the connection by which the package saw that the proxy was ready. Log still
// answers after Stop.
func (p *Proxy) Log() string { return p.process.log.String() }

// WaitLog returns when Log contains text, and fails the test with the whole
// log when it does not within ten seconds, or at once when the proxy has ended.
// Programs write their log a little
// after the fact, squid and privoxy not before a tunnel is closed: a test closes
// its client's idle connections, then waits for the line. WaitLog must be called
// from the test's own goroutine.
func (p *Proxy) WaitLog(tb testing.TB, text string) {
	tb.Helper()
	timeout := time.After(10 * time.Second)
	for last := false; ; {
		log, more := p.process.log.snapshot()
		if strings.Contains(log, text) {
			return
		}
		if last {
			tb.Fatalf("realproxy: %s never logged %q; it logged:\n%s", p.program.name, text, log)
		}
		select {
		case <-more:
		case <-p.process.silent:
			last = true
		case <-timeout:
			last = true
		}
	}
}

// Stop kills the program with all its children, waits until it has ended and
// until they have closed all they had open, and removes the temporary folder.
// Connections through the proxy break. Stop may
// be called any number of times; the end of the test calls it in any case.
func (p *Proxy) Stop() { _ = p.stop() }

func (p *Proxy) stop() error {
	p.once.Do(func() {
		p.err = p.process.kill()
		for i := len(p.release) - 1; i >= 0; i-- {
			p.release[i]()
		}
	})
	return p.err
}

// Format writes the proxy's name and address, whatever the verb; never the
// password.
func (p *Proxy) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s at %s://%s %v", p.program.name, p.program.scheme, p.Addr(), p.config)
}
