package transport

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
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
			return nil, fail(ctx, PhaseProxyAuth, p, addr, fmt.Errorf("ConnectHeader: %w", err))
		}
		maps.Copy(req.Header, fields)
	}
	if name, password, ok := p.user(); ok {
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	}
	var (
		limited = &io.LimitedReader{R: c, N: maxConnectAnswer}
		reader  = bufio.NewReader(limited)
		resp    *http.Response
	)
	err := unblock(ctx, c, func() (err error) {
		if err = req.Write(c); err != nil {
			return err
		}
		for { // 1xx answers may come first
			if resp, err = http.ReadResponse(reader, req); err != nil || resp.StatusCode >= 200 {
				return err
			}
		}
	})
	if err != nil {
		return nil, fail(ctx, PhaseProxyConnect, p, addr, err)
	}
	// The body is left alone: closing it would read on, past the head of a refusal
	// or into the tunnel. It holds nothing but the connection.
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired, resp.StatusCode == http.StatusUnauthorized: // tinyproxy says 401
		return nil, &Error{Phase: PhaseProxyAuth, Sent: SentNo, Proxy: p, Addr: addr, Code: resp.StatusCode}
	case resp.StatusCode > 299:
		return nil, &Error{Phase: PhaseProxyConnect, Sent: SentNo, Proxy: p, Addr: addr, Code: resp.StatusCode}
	}
	return withEarlyBytes(c, reader), nil
}

// earlyConn is a connection of which some bytes have been read already.
type earlyConn struct {
	net.Conn
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
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
