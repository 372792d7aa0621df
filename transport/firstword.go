package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// maxFirstWord is how long an HTTP/2 peer is given to say how many streams it takes.
const maxFirstWord = time.Second

// firstWord lies under the TLS of an HTTP/2 connection and notices when the peer's
// first frame, its SETTINGS, has been read. Requests wait for it, for two reasons.
// Until then net/http guesses that the peer takes 100 streams; one that takes fewer
// would refuse what goes beyond, and worse, once the true number is known, net/http
// waits for reservations that it has itself blocked, for ever. And a peer that never
// says it does not speak HTTP/2 here, whatever TLS agreed on: what was not sent yet
// can go another way.
//
// A reader asks for more only when it has dealt with what it got: that is the sign.
// Session tickets, which come first, are not the word that is waited for: see
// ticketWatch.
type firstWord struct {
	net.Conn
	listening  atomic.Bool   // the handshake is over
	heard      bool          // something came since; belongs to Read
	understood atomic.Bool   // and made sense
	proven     atomic.Bool   // an answer came
	written    atomic.Int64  // bytes, TLS's own included
	done       chan struct{} // closed when it was understood, or the connection ended
	once       sync.Once
}

func newFirstWord(c net.Conn) *firstWord {
	return &firstWord{Conn: c, done: make(chan struct{})}
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
	if err != nil {
		w.finish()
	}
	return n, err
}

// Write counts before it writes, since an answer may be quicker than we are.
func (w *firstWord) Write(p []byte) (int, error) {
	w.written.Add(int64(len(p)))
	n, err := w.Conn.Write(p)
	if err != nil {
		w.written.Add(int64(n - len(p)))
	}
	return n, err
}

// Close ends the connection; net/http does it when it cannot make sense of a frame.
func (w *firstWord) Close() error {
	w.finish()
	return w.Conn.Close()
}

func (w *firstWord) finish() { w.once.Do(func() { close(w.done) }) }

// wait returns when the peer has spoken, or is not waited for any longer. The error
// is that of a connection that ended before, as TLS, which lies above, tells it.
func (w *firstWord) wait(ctx context.Context, above net.Conn) error {
	hurry := time.NewTimer(maxFirstWord)
	defer hurry.Stop()
	select {
	case <-w.done:
	case <-hurry.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
	if w.understood.Load() {
		return nil
	}
	// The connection is at its end. TLS remembers why, an alert for instance.
	if _, err := above.Read(make([]byte, 1)); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return errNotHTTP2
}

// errNotHTTP2 is the end of a connection whose peer's first bytes made no sense.
var errNotHTTP2 = errors.New("the peer does not speak HTTP/2, though TLS agreed on it")

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

// ticketWatch is a session cache that tells when a ticket came: what was heard last
// was TLS's own. It is told while the ticket is being read.
type ticketWatch struct {
	tls.ClientSessionCache
	word *firstWord
}

func (t *ticketWatch) Put(key string, state *tls.ClientSessionState) {
	t.word.heard = false
	t.ClientSessionCache.Put(key, state)
}
