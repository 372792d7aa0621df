package balancer

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// aheadPart is how much is read ahead at a time.
const aheadPart = 4 << 10

// ahead is a body whose head is read, by fill, before anybody asks for it. Whoever
// reads the body gets every byte once, in order, as soon as it is there.
type ahead struct {
	body   io.ReadCloser
	most   int         // bytes that are read ahead
	enough func() bool // asked after each part whether that will do; nil: it never does
	purse  *purse      // pays for what waits to be read; nil: nobody does
	then   func()      // called once fill reads no further, whatever the reason; nil: nobody waits for that

	mu    sync.Mutex
	more  sync.Cond // there is more in head, or fill has ended
	head  []byte
	taken int   // bytes of it that were given out
	paid  int   // bytes that the purse has paid for
	stop  bool  // fill is to read no further
	shut  bool  // the body was closed
	ended bool  // fill has
	err   error // what the body ended with; nil: it goes on after head
	panic any   // what Read panicked with, for whoever reads the body
}

// begin makes the zero ahead ready for a body.
func (p *ahead) begin(body io.ReadCloser, most int, then func()) {
	p.body, p.most, p.then = body, most, then
	p.more.L = &p.mu
}

// fill reads ahead until it has enough, or the body ends or is closed. It is called
// once, by a goroutine that belongs to the body.
func (p *ahead) fill() {
	if p.then != nil {
		defer p.then()
	}
	defer func() { p.finish(nil, recover()) }()
	for left := p.most; left > 0; {
		part := p.part(min(left, aheadPart))
		if part == nil {
			return
		}
		n, err := p.body.Read(part)
		p.add(part[:n], len(part))
		if err != nil {
			p.finish(err, nil)
			return
		}
		if left -= n; n > 0 && p.enough != nil && p.enough() {
			return
		}
	}
}

// part is room for the next bytes; nil: no more are to be read.
func (p *ahead) part(size int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop || p.shut || !p.purse.take(size) {
		return nil
	}
	p.paid += size
	p.head = slices.Grow(p.head, size)
	return p.head[len(p.head) : len(p.head)+size]
}

// add notes what was read into a part, and pays back what was not.
func (p *ahead) add(read []byte, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return
	}
	p.head = append(p.head, read...) // where it stands already
	p.paid -= size - len(read)
	p.purse.giveBack(size - len(read))
	p.more.Broadcast()
}

// finish ends the reading ahead. What counts is what it is told first.
func (p *ahead) finish(err error, panicked any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended, p.err, p.panic = true, err, panicked
		p.more.Broadcast()
	}
}

// release has fill end with what it is reading now.
func (p *ahead) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = true
}

// outcome tells how the reading ahead ended.
func (p *ahead) outcome() (panicked any, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.panic, p.err
}

// Read gives out what was read ahead and then the rest.
func (p *ahead) Read(b []byte) (int, error) {
	n, rest, err := p.take(b)
	if rest {
		return p.body.Read(b)
	}
	return n, err
}

// take gives out what was read ahead. rest: all of that has been given out, and the
// body goes on.
func (p *ahead) take(b []byte) (n int, rest bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.taken == len(p.head) && !p.ended && !p.shut && len(b) > 0 {
		p.more.Wait()
	}
	if p.panic != nil {
		panic(p.panic)
	}
	if p.taken == len(p.head) {
		switch {
		case p.ended:
			return 0, p.err == nil, p.err
		case p.shut:
			return 0, false, http.ErrBodyReadAfterClose
		}
		return 0, false, nil
	}
	n = copy(b, p.head[p.taken:])
	p.taken += n
	if p.taken == len(p.head) && p.ended {
		p.drop()
	}
	return n, false, nil
}

// drop forgets what was read ahead.
func (p *ahead) drop() {
	p.head, p.taken = nil, 0
	p.purse.giveBack(p.paid)
	p.paid = 0
}

// Close ends the body, and with it the reading ahead.
func (p *ahead) Close() error {
	p.mu.Lock()
	if !p.shut {
		p.shut = true
		p.drop()
		p.more.Broadcast()
	}
	p.mu.Unlock()
	return p.body.Close()
}

// purse is a number of bytes that may wait to be read at the same time. The nil
// purse has no bound.
type purse struct {
	most  int64
	spent atomic.Int64
}

// take pays for n bytes, or not at all.
func (p *purse) take(n int) bool {
	if p == nil {
		return true
	}
	if p.spent.Add(int64(n)) > p.most {
		p.spent.Add(int64(-n))
		return false
	}
	return true
}

func (p *purse) giveBack(n int) {
	if p != nil {
		p.spent.Add(int64(-n))
	}
}
