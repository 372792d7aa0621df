package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// serveHTTP serves the requests of one connection.
func (p *Proxy) serveHTTP(c *client, fault Fault) {
	for {
		c.settle()
		req, err := http.ReadRequest(c.buffer)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.answer(httpAnswer(nil, http.StatusBadRequest, nil, "this is not an HTTP request"))
			return
		}
		if !p.serveRequest(c, req, fault) {
			return
		}
	}
}

// serveRequest reports whether the connection may be used again.
func (p *Proxy) serveRequest(c *client, req *http.Request, fault Fault) (again bool) {
	target := req.RequestURI
	if req.Method != http.MethodConnect {
		if req.URL.Scheme != "http" || req.URL.Host == "" {
			c.answer(httpAnswer(req, http.StatusBadRequest, nil, "a proxy takes CONNECT and http:// requests only"))
			return false
		}
		target = req.URL.Host
	}
	p.asked(target)
	if !p.authorized(req) {
		p.authFailed()
		c.answer(httpAnswer(req, http.StatusProxyAuthRequired, nil, "user name or password missing or wrong"))
		return false
	}
	if req.Method == http.MethodConnect {
		p.tunnel(c, target, httpReplies{req}, fault)
		return false
	}
	return p.forward(c, req, fault)
}

func (p *Proxy) authorized(req *http.Request) bool {
	if !p.protected() {
		return true
	}
	// Basic credentials look the same in both fields.
	as := http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}
	user, password, ok := as.BasicAuth()
	return ok && user == p.config.User && password == p.config.Password
}

// httpReplies are the answers to CONNECT, and those to absolute-form requests
// that do not come from the target.
type httpReplies struct{ req *http.Request }

func (httpReplies) opened(net.Addr) []byte {
	return []byte("HTTP/1.1 200 Connection established\r\n\r\n")
}

func (r httpReplies) refused(err error) []byte {
	status := http.StatusBadGateway
	var timed net.Error
	if errors.As(err, &timed) && timed.Timeout() {
		status = http.StatusGatewayTimeout
	}
	return httpAnswer(r.req, status, nil, err.Error())
}

func (r httpReplies) ordered(fault Fault) []byte {
	status := fault.Status
	if status == 0 {
		status = http.StatusBadGateway
	}
	return httpAnswer(r.req, status, fault.Header, "answered as ordered")
}

// httpAnswer is an answer of the proxy's own, the last of its connection.
func httpAnswer(req *http.Request, status int, header http.Header, text string) []byte {
	resp := &http.Response{
		StatusCode: status,
		ProtoMajor: 1,
		ProtoMinor: 1,
		Request:    req,
		Header:     header.Clone(),
		Body:       http.NoBody,
		Close:      true,
	}
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	if status == http.StatusProxyAuthRequired && resp.Header.Get("Proxy-Authenticate") == "" {
		resp.Header.Set("Proxy-Authenticate", `Basic realm="transporttest"`)
	}
	if status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		text = fmt.Sprintf("transporttest: %d: %s\n", status, text)
		resp.Body = io.NopCloser(strings.NewReader(text))
		resp.ContentLength = int64(len(text))
	}
	var answer bytes.Buffer
	_ = resp.Write(&answer) // A bytes.Buffer takes everything.
	return answer.Bytes()
}
