package balancer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// peek reads the head of an error answer, within bounds of size and time, and
// leaves the whole body to whoever reads the answer next. A body that has not come
// to its end when the time is over goes on being read.
func peek(resp *http.Response) (head []byte, truncated bool) {
	if p, ok := resp.Body.(*ahead); ok { // its time is over
		return p.look()
	}
	done := make(chan struct{})
	p := &ahead{}
	p.begin(resp.Body, maxErrorBody+1, func() { close(done) })
	resp.Body = p
	go p.fill()
	late := time.NewTimer(errorBodyTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
	return p.look()
}

// look returns what was read of an error so far.
func (p *ahead) look() (head []byte, truncated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panic != nil {
		panic(p.panic)
	}
	head = bytes.Clone(p.head[:min(len(p.head), maxErrorBody)])
	return head, !errors.Is(p.err, io.EOF)
}

// discard ends an answer that nobody will read.
func discard(resp *http.Response) {
	late := time.AfterFunc(discardTime, func() { _ = resp.Body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	_ = resp.Body.Close()
}
