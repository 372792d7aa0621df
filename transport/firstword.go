package transport

import (
	"net"
	"sync/atomic"
	"time"
)

// maxFirstWord is how long an HTTP/2 peer is given to say how many streams it takes.
const maxFirstWord = time.Second

// firstWord lies under the TLS of an HTTP/2 connection and notices when the peer's
// first frame, its SETTINGS, has been read. Until then net/http guesses 100 streams.
// A peer that takes fewer would refuse what goes beyond; worse, once the true number
// is known, net/http waits for reservations that it has itself blocked, for ever. So
// one request goes ahead, and the others follow when the number is known.
//
// A reader asks for more only when it has dealt with what it got: that is the sign.
// Session tickets, which come first, could be mistaken for it; they are sent only to
// a client whose TLS configuration has a session cache.
type firstWord struct {
	net.Conn
	listening atomic.Bool // the handshake is over
	heard     bool        // something came since; belongs to Read
	done      atomic.Bool // and was dealt with
	tell      atomic.Pointer[func()]
}

// Read reads on.
func (w *firstWord) Read(p []byte) (int, error) {
	if w.heard {
		w.finish()
	}
	n, err := w.Conn.Read(p)
	if n > 0 && w.listening.Load() {
		w.heard = true
	}
	return n, err
}

func (w *firstWord) finish() {
	if w.done.Load() || w.done.Swap(true) {
		return
	}
	if f := w.tell.Load(); f != nil {
		(*f)()
	}
}

// then calls f when the first word was heard, or is given up: at least once, perhaps
// at once.
func (w *firstWord) then(f func()) {
	w.tell.Store(&f)
	if w.done.Load() {
		f()
		return
	}
	time.AfterFunc(maxFirstWord, w.finish)
}
