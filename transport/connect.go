package transport

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// maxConnectAnswer bounds the head of a proxy's answer to CONNECT.
const maxConnectAnswer = 64 << 10

// connect opens a tunnel by HTTP CONNECT (RFC 9110 section 9.3.6).
func connect(ctx context.Context, c net.Conn, p *Proxy, extra ConnectHeader, addr string) (net.Conn, *Error) {
	enter(ctx, PhaseProxyConnect)
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: make(http.Header)}
	if extra != nil {
		fields, err := extra(ctx, p, addr)
		if err != nil {
			return nil, fail(ctx, PhaseUnknown, p, addr, fmt.Errorf("ConnectHeader: %w", err))
		}
		for name, values := range fields {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if name, password, ok := p.user(); ok {
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	}
	var (
		reader = bufio.NewReader(&io.LimitedReader{R: c, N: maxConnectAnswer})
		status int
	)
	err := unblock(ctx, c, func() (err error) {
		if err = req.Write(c); err != nil {
			return err
		}
		for status < http.StatusOK && err == nil { // 1xx answers may come first
			status, err = readConnectAnswer(textproto.NewReader(reader))
		}
		return err
	})
	switch {
	case err != nil && alertCode(err) != 0: // TLS 1.3 says so when we have begun to speak
		return nil, failTLS(ctx, PhaseProxyTLS, p, addr, err)
	case err != nil:
		return nil, fail(ctx, PhaseProxyConnect, p, addr, err)
	case status == http.StatusProxyAuthRequired, status == http.StatusUnauthorized: // tinyproxy says 401
		return nil, &Error{Phase: PhaseProxyAuth, Sent: SentNo, Proxy: p, Addr: addr, Code: status}
	case status >= http.StatusMultipleChoices:
		return nil, &Error{Phase: PhaseProxyConnect, Sent: SentNo, Proxy: p, Addr: addr, Code: status}
	}
	return withEarlyBytes(c, reader), nil
}

// errNotHTTP is all that is said about an answer that makes no sense. Its text may
// repeat what we sent, our credentials among it.
var errNotHTTP = errors.New("the answer is not HTTP")

// readConnectAnswer reads the head of an answer to CONNECT. What it says about a body
// does not count (RFC 9110 section 9.3.6): behind it lies the tunnel, or nothing that
// matters.
func readConnectAnswer(r *textproto.Reader) (status int, err error) {
	line, err := r.ReadLine()
	if err != nil {
		return 0, err
	}
	version, rest, _ := strings.Cut(line, " ")
	digits, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(digits)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || len(digits) != 3 || status < http.StatusContinue {
		return 0, errNotHTTP
	}
	_, err = r.ReadMIMEHeader()
	var malformed textproto.ProtocolError
	if errors.As(err, &malformed) {
		err = errNotHTTP
	}
	return status, err
}

// earlyConn is a connection of which some bytes have been read already.
type earlyConn struct {
	net.Conn
	mu    sync.Mutex
	early []byte
}

// withEarlyBytes gives back to the tunnel what came in the same packet as the
// proxy's answer.
func withEarlyBytes(c net.Conn, r *bufio.Reader) net.Conn {
	n := r.Buffered()
	if n == 0 {
		return c
	}
	early, _ := r.Peek(n) // buffered: cannot fail
	return &earlyConn{Conn: c, early: early}
}

func (c *earlyConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	n := copy(p, c.early)
	c.early = c.early[n:]
	c.mu.Unlock()
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return c.Conn.Read(p)
}
