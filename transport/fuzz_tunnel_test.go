package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport"
)

// fuzzedTarget is where the tunnels of the fuzz targets are to lead.
const fuzzedTarget = "10.99.0.1:443"

// script is a connection to a proxy that says what it is told to, in pieces, and then
// hangs up or says nothing more. No time passes on it: who waits for more under a
// deadline is told at once that it is over, and who waits without one is caught.
type script struct {
	mu       sync.Mutex
	rest     []byte // not read yet
	pieces   []byte // how much each Read gets, less one, again and again; none: all there is
	hangsUp  bool
	reads    int
	taken    int // bytes
	wrote    bytes.Buffer
	closes   int
	deadline time.Time
	timeUp   func() // called when somebody has waited until a deadline
	waited   bool   // somebody has
	forever  bool   // somebody waited without one
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closes > 0:
		return 0, net.ErrClosed
	case len(s.rest) > 0:
	case s.hangsUp:
		return 0, io.EOF
	case s.deadline.IsZero():
		s.forever = true
		return 0, errors.New("nothing will ever come, and nothing ends the wait")
	default:
		s.waited = true
		s.timeUp()
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.pieces) > 0 {
		p = p[:min(len(p), 1+int(s.pieces[s.reads%len(s.pieces)]))]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	s.reads++
	s.taken += n
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote.Write(p)
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes++
	return nil
}

func (s *script) SetDeadline(d time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = d
	return nil
}

func (s *script) SetReadDeadline(d time.Time) error { return s.SetDeadline(d) }
func (*script) SetWriteDeadline(time.Time) error    { return nil } // writes do not block
func (*script) LocalAddr() net.Addr                 { return &net.TCPAddr{IP: net.IPv4zero} }
func (*script) RemoteAddr() net.Addr                { return &net.TCPAddr{IP: net.IPv4zero} }

// tunnelOutcome is what must come of what a proxy said.
type tunnelOutcome struct {
	open   bool              // the tunnel is there
	rest   []byte            // and this is the first that comes through it
	phases []transport.Phase // else: the phase is one of these
	code   int               // and this is the code; anyCode: it does not matter
	either bool              // it may also fail, or succeed; what is said about both must hold
}

const anyCode = -1

// handshakePhases are those that a handshake with a proxy can fail in.
var handshakePhases = []transport.Phase{transport.PhaseProxyHandshake, transport.PhaseProxyAuth, transport.PhaseProxyConnect}

func fails(code int, phases ...transport.Phase) tunnelOutcome {
	return tunnelOutcome{phases: phases, code: code}
}

// dialScript opens a tunnel through a proxy that follows a script, and checks what
// must be true whatever it said, and that it came out as it had to.
func dialScript(t *testing.T, url string, s *script, want tunnelOutcome) {
	t.Helper()
	said := string(s.rest)
	d := &transport.Dialer{
		Proxy: parse(t, url),
		Base: &dialerFunc{func(context.Context, string, string) (net.Conn, error) {
			return s, nil
		}},
	}
	ctx, end := context.WithCancelCause(t.Context())
	s.timeUp = func() { end(context.DeadlineExceeded) }
	conn, err := d.DialContext(ctx, "tcp", fuzzedTarget)
	if s.forever {
		t.Fatal("it waited without a deadline")
	}
	if s.taken > maxHead {
		t.Fatalf("%d bytes were read", s.taken)
	}
	if err == nil {
		if !want.open && !want.either {
			t.Fatalf("a tunnel where %v, %d was due", want.phases, want.code)
		}
		checkTunnel(t, conn, s, want.rest)
		return
	}
	if conn != nil {
		t.Fatal("a connection besides an error")
	}
	if want.open && !want.either {
		t.Fatalf("no tunnel: %v", err)
	}
	checkRefusal(t, d.Proxy, err, s, want)
	if !strings.Contains(said, marker) && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
		t.Fatalf("the password shows: %v", err)
	}
}

// checkTunnel reads the tunnel to its end.
func checkTunnel(t *testing.T, conn net.Conn, s *script, rest []byte) {
	t.Helper()
	if s.closes != 0 || !s.deadline.IsZero() {
		t.Fatalf("closed %d times, deadline %v", s.closes, s.deadline)
	}
	s.hangsUp = true
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, rest) {
		t.Fatalf("through the tunnel came %q, %v, not %q", got, err, rest)
	}
	if err := conn.Close(); err != nil || s.closes != 1 {
		t.Fatalf("closed %d times: %v", s.closes, err)
	}
}

// checkRefusal checks the error of a dial that failed.
func checkRefusal(t *testing.T, p *transport.Proxy, err error, s *script, want tunnelOutcome) {
	t.Helper()
	e := typed(t, err)
	switch {
	case s.closes != 1:
		t.Fatalf("the connection was closed %d times: %v", s.closes, err)
	case e.Sent != transport.SentNo, e.Proxy != p, e.Addr != fuzzedTarget:
		t.Fatalf("sent %v through %v to %s: %v", e.Sent, e.Proxy, e.Addr, err)
	case !slices.Contains(handshakePhases, e.Phase):
		t.Fatalf("phase %v: %v", e.Phase, err)
	case len(want.phases) > 0 && !slices.Contains(want.phases, e.Phase):
		t.Fatalf("phase %v, not of %v: %v", e.Phase, want.phases, err)
	case want.code != anyCode && e.Code != want.code:
		t.Fatalf("code %d, not %d: %v", e.Code, want.code, err)
	case e.Code == 0 && e.Err == nil:
		t.Fatalf("neither a code nor a cause: %v", err)
	case s.waited && e.Code == 0 && !e.Timeout():
		t.Fatalf("a time-out that does not say so: %v", err)
	case errors.Is(err, io.EOF):
		t.Fatalf("it may be taken for the end of a body: %v", err)
	}
}
