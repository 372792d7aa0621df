package balancer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// peek reads the head of an error answer, within bounds of size and time, and
// leaves the whole body to whoever reads the answer next. A body that has not come
// to its end when the time is over goes on being read.
func peek(resp *http.Response) (head []byte, truncated bool) {
	if p, ok := resp.Body.(*peeked); ok { // its time is over
		return p.look()
	}
	p := &peeked{body: resp.Body, done: make(chan struct{})}
	p.more.L = &p.mu
	resp.Body = p
	go p.fill()
	late := time.NewTimer(errorBodyTime)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
	}
	return p.look()
}

// peeked is a body whose head is read ahead by a goroutine, which ends when it has
// that, when the body ends, or when the body is closed.
type peeked struct {
	body io.ReadCloser
	done chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	more  sync.Cond // there is more in head, or the goroutine has ended
	head  []byte    // at most maxErrorBody and one byte; only grows
	taken int       // bytes of it that were given out
	ended bool      // the goroutine has
	err   error     // what the body ended with; nil: it goes on after head
	panic any       // what Read panicked with, for whoever reads the body
}

// fill reads ahead.
func (p *peeked) fill() {
	defer close(p.done)
	defer func() {
		if v := recover(); v != nil {
			p.fail(v)
		}
	}()
	part := make([]byte, 4<<10)
	for left := maxErrorBody + 1; left > 0; {
		n, err := p.body.Read(part[:min(left, len(part))])
		left -= n
		if p.add(part[:n], err, left == 0) {
			return
		}
	}
}

// add notes what was read, and tells whether that was the last of it.
func (p *peeked) add(part []byte, err error, full bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head = append(p.head, part...)
	p.ended, p.err = full || err != nil, err
	p.more.Broadcast()
	return p.ended
}

// fail notes a panic, so that it comes up where the body is read.
func (p *peeked) fail(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.panic = true, v
	p.more.Broadcast()
}

// look returns what was read so far.
func (p *peeked) look() (head []byte, truncated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panic != nil {
		panic(p.panic)
	}
	head = bytes.Clone(p.head[:min(len(p.head), maxErrorBody)])
	return head, !errors.Is(p.err, io.EOF)
}

// Read gives out what was read ahead and then the rest.
func (p *peeked) Read(b []byte) (int, error) {
	n, rest, err := p.take(b)
	if rest {
		return p.body.Read(b)
	}
	return n, err
}

// take gives out what was read ahead. rest: all that was read ahead has been given
// out, and the body goes on.
func (p *peeked) take(b []byte) (n int, rest bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.taken == len(p.head) && !p.ended && len(b) > 0 {
		p.more.Wait()
	}
	if p.panic != nil {
		panic(p.panic)
	}
	if p.taken == len(p.head) && p.ended {
		return 0, p.err == nil, p.err
	}
	n = copy(b, p.head[p.taken:])
	p.taken += n
	return n, false, nil
}

// Close ends the body, and with it the reading ahead.
func (p *peeked) Close() error { return p.body.Close() }

// discard ends an answer that nobody will read.
func discard(resp *http.Response) {
	late := time.AfterFunc(discardTime, func() { _ = resp.Body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	_ = resp.Body.Close()
}
