package transporttest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// forward serves an absolute-form request over a connection of its own to the
// target. It reports whether the client's connection may be used again.
func (p *Proxy) forward(c *client, req *http.Request, fault Fault) (again bool) {
	if spoil(c, httpReplies{req}, fault) {
		return false
	}
	switch fault.Kind {
	case FaultCutTunnel:
		c.cut(nil)
		return false
	case FaultHangTunnel:
		c.discard()
		return false
	}
	target, err := p.dial(c, hostPort(req.URL))
	if err != nil {
		c.answer(httpReplies{req}.refused(err))
		return false
	}
	defer target.Close()
	c.raw.attach(target)
	defer c.raw.attach(nil)

	sent := make(chan bool, 1)
	go func() { sent <- sendRequest(c, req, target) }()
	ended := sendAnswer(c, req, target, fault)
	_ = target.Close()
	switch ended {
	case answerCut:
		_ = c.raw.CloseWrite()
	case answerLast:
		c.closeWrite()
	case answerWhole:
	}
	if <-sent && ended == answerWhole { // sent may wait for the next request's first byte
		return true
	}
	c.discard()
	return false
}

// sendRequest passes the request on to the target, and then watches whether the
// client stays for the answer. A body that the target does not want is read to
// its end all the same, so that another request can follow. It reports whether
// one can.
func sendRequest(c *client, req *http.Request, target net.Conn) bool {
	to := eagerWriter{bufio.NewWriter(target)}
	out := outgoing(req)
	body := &clientBody{client: c, body: req.Body}
	if req.Body != http.NoBody {
		out.Body = to.before(body)
	}
	err := out.Write(to)
	if err == nil {
		err = to.buffer.Flush()
	}
	if err != nil && body.err == nil {
		_, _ = io.Copy(io.Discard, body)
	}
	if body.err != nil {
		c.close() // The client broke off: nobody is there for an answer.
		return false
	}
	c.watch(c.close) // after the watch of the dial, which ends when the client does
	return true
}

// clientBody reads a request's body from the client and remembers a failure.
type clientBody struct {
	client *client
	body   io.ReadCloser
	err    error // other than the end
}

func (b *clientBody) Read(p []byte) (int, error) {
	if b.body == http.NoBody {
		return 0, io.EOF
	}
	b.client.settle()
	n, err := b.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *clientBody) Close() error { return nil }

// answerEnd is how the answer to a forwarded request ended.
type answerEnd uint8

const (
	answerCut   answerEnd = iota // incomplete
	answerLast                   // complete, and its end is the connection's
	answerWhole                  // complete
)

// sendAnswer passes the target's answer back to the client as it comes.
func sendAnswer(c *client, req *http.Request, target net.Conn, fault Fault) answerEnd {
	resp, err := finalResponse(c, bufio.NewReader(target), req) //nolint:bodyclose // the caller closes the target; Close would wait for the rest of the body
	if err != nil {
		_, _ = c.Write(httpReplies{req}.refused(fmt.Errorf("no answer from %s: %w", req.URL.Host, err)))
		return answerLast
	}
	removeHopByHop(resp.Header)
	resp.Header.Add("Via", via())
	resp.ProtoMajor, resp.ProtoMinor = 1, 1
	if !req.ProtoAtLeast(1, 1) {
		resp.TransferEncoding = nil
	}
	delimited := resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || req.Method == http.MethodHead
	resp.Close = req.Close || !delimited
	resp.Uncompressed = true // or Write would end the connection after a HEAD of unknown length
	var body io.Reader = resp.Body
	if fault.Kind == FaultCutBody {
		body = &cutReader{source: body, left: fault.After}
	}
	to := eagerWriter{bufio.NewWriter(c)}
	resp.Body = to.before(io.NopCloser(body))
	err = resp.Write(to)
	if flushErr := to.buffer.Flush(); err != nil || flushErr != nil {
		return answerCut
	}
	if resp.Close {
		return answerLast
	}
	return answerWhole
}

// finalResponse reads the target's answer, and passes on the informational
// ones before it.
func finalResponse(c *client, from *bufio.Reader, req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(from, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
		var head bytes.Buffer
		fmt.Fprintf(&head, "HTTP/1.1 %s\r\n", resp.Status)
		_ = resp.Header.Write(&head) // A bytes.Buffer takes everything.
		head.WriteString("\r\n")
		if _, err := c.Write(head.Bytes()); err != nil {
			return nil, err
		}
	}
}

// outgoing is the request as the target gets it.
func outgoing(req *http.Request) *http.Request {
	out := req.WithContext(req.Context())
	out.Header = req.Header.Clone()
	removeHopByHop(out.Header)
	out.Header.Add("Via", via())
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // or Request.Write adds one of its own
	}
	out.Close = false // what the client does with its connection is no business of the target's
	return out
}

func via() string { return "1.1 transporttest" }

// removeHopByHop removes the fields of RFC 9110, section 7.6.1.
func removeHopByHop(header http.Header) {
	for _, field := range header["Connection"] {
		for name := range strings.SplitSeq(field, ",") {
			header.Del(textproto.TrimString(name))
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		header.Del(name)
	}
}

// hostPort returns the authority of an http URL with its port.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}
