package transport

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
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
	listening  atomic.Bool // the handshake is over
	heard      bool        // something came since; belongs to Read
	understood atomic.Bool // and made sense
	proven     atomic.Bool // an answer came
	done       atomic.Bool // there is nothing more to wait for
	tell       atomic.Pointer[func()]
}

// Read reads on.
func (w *firstWord) Read(p []byte) (int, error) {
	if w.heard && !w.understood.Load() {
		w.understood.Store(true)
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

// notSpoken tells whether a failure looks as if HTTP/2 had been agreed on but were
// not spoken here: the connection ended before its first frame, or the peer found
// our frames wrong before it ever answered.
func (w *firstWord) notSpoken(err error) bool {
	if w.proven.Load() {
		return false
	}
	var reset http2.StreamError
	if errors.As(err, &reset) {
		return notSpokenCodes[reset.Code]
	}
	return !w.understood.Load()
}

// notSpokenCodes are the errors of RFC 9113 section 7 by which a peer, or something
// on the way to it, says that it cannot make sense of what came.
var notSpokenCodes = map[http2.ErrCode]bool{
	http2.ErrCodeProtocol: true, http2.ErrCodeFlowControl: true, http2.ErrCodeFrameSize: true,
	http2.ErrCodeCompression: true, http2.ErrCodeInadequateSecurity: true, http2.ErrCodeHTTP11Required: true,
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
