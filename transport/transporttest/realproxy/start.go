package realproxy

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	startTries   = 4
	startTimeout = 15 * time.Second
)

// program is what one kind of proxy server needs to be started.
type program struct {
	name      string
	scheme    string // of the proxy's URL
	binary    string
	jailed    bool                                                    // its folder is its whole file system
	backend   *Proxy                                                  // the proxy behind it; nil: none
	prepare   func(h *home, port int) (arguments []string, err error) // writes the configuration
	leftovers func(port int)                                          // removes what the program leaves outside its folder; nil: nothing
}

// start runs the program until the test ends.
func start(tb testing.TB, c Config, g *program) *Proxy {
	tb.Helper()
	if err := c.validate(); err != nil {
		tb.Fatalf("realproxy: %s: %v", g.name, err)
	}
	var failures []string
	for try := range startTries {
		// The port is held for the program where the system can do that. The
		// last try does without, for systems that promise it but cannot.
		p, err := g.try(c, try < startTries-1)
		if err == nil {
			tb.Cleanup(func() { finish(tb, p) })
			return p
		}
		failures = append(failures, err.Error())
		if !err.again {
			break
		}
	}
	tb.Fatalf("realproxy: %s does not start:\n%s", g.name, strings.Join(failures, "\n"))
	return nil
}

// finish is the test's clean-up.
func finish(tb testing.TB, p *Proxy) {
	if err := p.stop(); err != nil {
		tb.Errorf("realproxy: %s: %v", p.program.name, err)
	}
	if tb.Failed() {
		tb.Logf("realproxy: the log of %v:\n%s", p, p.Log())
	}
}

// startError is why a program did not start.
type startError struct {
	err    error
	output string
	again  bool // the program ended by itself: perhaps its port was taken
}

func (e *startError) Error() string {
	if e.output == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("%v; its output:\n%s", e.err, e.output)
}

// try starts the program once, on a port of its own.
func (g *program) try(c Config, hold bool) (_ *Proxy, failed *startError) {
	p := &Proxy{program: g, config: c}
	defer func() {
		if failed != nil {
			for i := len(p.release) - 1; i >= 0; i-- {
				p.release[i]()
			}
		}
	}()
	h, err := newHome()
	if err != nil {
		return nil, &startError{err: err}
	}
	p.release = append(p.release, h.remove)
	port, free, err := freePort(hold)
	if err != nil {
		return nil, &startError{err: err}
	}
	p.port = port
	p.release = append(p.release, free)
	if g.leftovers != nil {
		p.release = append(p.release, func() { g.leftovers(port) })
	}
	arguments, err := g.prepare(h, port)
	if err != nil {
		return nil, &startError{err: err}
	}
	if p.process, err = launch(h, g.binary, arguments, g.jailed); err != nil {
		return nil, &startError{err: err}
	}
	if failed = p.ready(); failed != nil {
		_ = p.process.kill()
		failed.output = p.Log()
		return nil, failed
	}
	return p, nil
}

// ready returns nil once the program accepts connections.
func (p *Proxy) ready() *startError {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(startTimeout)
	for {
		conn, err := net.DialTimeout("tcp", p.Addr(), time.Second)
		if err == nil {
			conn.Close()
		}
		select {
		case <-p.process.exited:
			return &startError{err: fmt.Errorf("it ended: %v", p.process.state()), again: true}
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.process.exited:
		case <-tick.C:
		case <-timeout:
			return &startError{err: fmt.Errorf("it accepts no connection at %s within %v: %w", p.Addr(), startTimeout, err)}
		}
	}
}
