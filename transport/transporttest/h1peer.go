package transporttest

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
)

// H1PeerConfig says what an [H1Peer] does. The zero value is a plain server that
// reads every request and answers it with 200 and no body.
type H1PeerConfig struct {
	CA    *CA      // issues the certificate; nil: plain HTTP
	Hosts []string // names in the certificate in addition to localhost, 127.0.0.1 and ::1

	// Serve is called for each request when its head has come, in the order of the
	// requests of one connection, and concurrently for several connections. What it
	// leaves of the request's body is read and dropped afterwards. It has to return
	// when the context of its exchange ends. nil: answers 200.
	Serve func(*H1Exchange)
}

// H1Peer is an HTTP/1.1 server on a free port of 127.0.0.1 that does with each
// request what the test's Serve says, byte by byte if need be: leave an upload
// unread, read a request and hang up, answer with something that is no answer. A
// [Server] is the better choice for answers that are as they should be.
//
// All methods may be called by several goroutines at once.
type H1Peer struct {
	peer
	serve func(*H1Exchange)
}

// NewH1Peer starts a peer; whoever calls it closes it. It fails when a certificate
// cannot be issued or when there is no free port.
func NewH1Peer(config H1PeerConfig) (*H1Peer, error) {
	p := &H1Peer{serve: config.Serve}
	if p.serve == nil {
		p.serve = func(x *H1Exchange) { x.Answer(http.StatusOK, nil, "") }
	}
	var secure *tls.Config
	if config.CA != nil {
		var err error
		if secure, err = config.CA.serverConfig(nil, config.Hosts); err != nil {
			return nil, err
		}
		secure.NextProtos = []string{"http/1.1"}
	}
	if err := p.start(secure, p.converse); err != nil {
		return nil, err
	}
	return p, nil
}

// converse serves the requests of one connection.
func (p *H1Peer) converse(raw *conn, stream net.Conn) {
	c := newClient(raw, stream)
	for {
		req, err := http.ReadRequest(c.buffer)
		if err != nil {
			return
		}
		x := &H1Exchange{Request: req, Number: p.request(), client: c}
		req.Body = &countedBody{ReadCloser: req.Body, peer: &p.peer}
		p.serve(x)
		if req.Close && !x.over {
			x.Close()
		}
		if x.over || raw.ctx.Err() != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
	}
}

type countedBody struct {
	io.ReadCloser
	peer *peer
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.peer.received(n)
	}
	return n, err
}

// H1Exchange is one request to an [H1Peer]. It belongs to the goroutine in which
// Serve was called, until that returns. What is written when the client has gone
// goes nowhere.
type H1Exchange struct {
	Request *http.Request // its Body is read from the connection only when somebody reads it
	Number  int           // how many requests the peer has had, with this one

	client *client
	over   bool // no request can follow on this connection
}

// Context ends with the connection: when the peer is closed or cuts its connections,
// and when one of Close, Cut and Reset returns. That the client has gone is noticed only by
// reading (or by Drain): HTTP/1.1 has no other way.
func (x *H1Exchange) Context() context.Context { return x.client.raw.ctx }

// ReadBody reads the request to its end and returns its body.
func (x *H1Exchange) ReadBody() ([]byte, error) { return io.ReadAll(x.Request.Body) }

// Write sends bytes as they are. Whether they are an answer is the test's business.
func (x *H1Exchange) Write(p []byte) (int, error) { return x.client.Write(p) }

// Answer sends a whole answer. Its Content-Length is right; the header, which may be
// nil, can claim anything else, such as a Content-Encoding that nobody asked for.
func (x *H1Exchange) Answer(status int, header http.Header, body string) {
	resp := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: x.Request,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	var whole bytes.Buffer
	_ = resp.Write(&whole) // a bytes.Buffer takes everything
	_, _ = x.Write(whole.Bytes())
}

// Hang neither reads nor writes until the peer is closed or cuts its connections: a
// client with more to send than the operating system's buffers hold, which are some
// MiB, cannot get on. That the client has gone is not noticed.
func (x *H1Exchange) Hang() { <-x.Context().Done() }

// Drain reads and drops what comes, answers nothing, and returns when the client has
// gone. No request can follow.
func (x *H1Exchange) Drain() {
	x.over = true
	x.client.discard()
}

// Close ends the connection in order, with TLS's close_notify if there is TLS and a
// FIN, and returns when the client has gone too. No request can follow.
func (x *H1Exchange) Close() {
	x.client.closeWrite()
	x.Drain()
	x.client.close()
}

// Cut is Close without TLS's close_notify, as when a machine in between ends the
// connection.
func (x *H1Exchange) Cut() {
	x.client.cut(nil)
	x.over = true
	x.client.close()
}

// Reset ends the connection by a TCP reset. No request can follow.
func (x *H1Exchange) Reset() {
	x.over = true
	_ = x.client.raw.SetLinger(0)
	x.client.close()
}
