package transport

import (
	"io"
	"net/http"
)

// upload is a request's body on HTTP/2. net/http asks for more of it when the peer
// has taken what came before, so that the time between two reads tells whether the
// peer gets on. It ends when net/http says that all was written, or closes the body.
//
// On HTTP/1.1 the body stays as it is, since net/http treats those that it knows
// better; there the connection tells, see countingConn.
type upload struct {
	io.ReadCloser
	watch *watch
}

// watchUpload makes a request on HTTP/2 fail when its body is not taken for too
// long. Only its stream may end: others share the connection.
func (at *attempt) watchUpload(req *http.Request) {
	if at.watch.limit <= 0 || req.Body == nil || req.Body == http.NoBody {
		return
	}
	at.upload = upload{req.Body, &at.watch}
	req.Body = &at.upload
	// A context of its own, which is the other way to end one stream, would cost three
	// allocations more for each request.
	at.abandon = make(chan struct{})
	req.Cancel = at.abandon        //nolint:staticcheck // see above
	at.watch.begin(waitsForUpload) // now, not between the head and the body
}

// Read is called when what was read before has been sent. It gives out little at
// once, so that a peer that takes little at once is seen to get on.
func (u *upload) Read(p []byte) (int, error) {
	p = p[:min(len(p), maxWrite)]
	u.watch.end(waitsForUpload) // while the body's owner thinks, the peer is not to blame
	n, err := u.ReadCloser.Read(p)
	u.watch.begin(waitsForUpload)
	return n, err
}

// Close ends the upload, sent or not, also for a Read that is under way.
func (u *upload) Close() error {
	u.watch.answer()
	return u.ReadCloser.Close()
}
