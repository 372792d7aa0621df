package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

const (
	// large is more than all buffers on the way hold.
	large = 4 << 20
	// uploadLimit is the time that the peers of these tests have.
	uploadLimit = time.Minute
)

// uploading runs a test against a server without a network, behind a connection
// that holds little, for each kind of endpoint.
func uploading(t *testing.T, handler http.Handler, run func(t *testing.T, tr *transport.Transport, url string)) {
	t.Helper()
	inBubbleOver(t, handler, transport.Config{BodyIdleTimeout: uploadLimit}, func(conn net.Conn) net.Conn {
		conn.(*memoryConn).out.room = 16 << 10
		return conn
	}, func(t *testing.T, tr *transport.Transport, url string) {
		run(t, tr, url)
		pause(2 * untakenFor) // net/http's server does not notice a client's end while a body is unread
	})
}

// untakenFor is when a handler gives up that takes nothing.
const untakenFor = 2 * uploadLimit

// untaken leaves a request's body where it is.
func untaken(http.ResponseWriter, *http.Request) { pause(untakenFor) }

// An upload that the endpoint does not take ends after the limit, with the same
// error on every protocol (nasty case 10).
func TestUploadThatIsNotTaken(t *testing.T) {
	uploading(t, http.HandlerFunc(untaken), func(t *testing.T, tr *transport.Transport, url string) {
		body := &recorder{Reader: bytes.NewReader(make([]byte, large))}
		req := unbounded(t, http.MethodPost, url, body)
		began := time.Now()
		e := refused(t, tr, req)
		assert.Equal(t, uploadLimit, time.Since(began))
		assert.Equal(t, transport.PhaseSend, e.Phase)
		assert.NotEqual(t, transport.SentNo, e.Sent)
		assert.True(t, e.Timeout())
		require.ErrorIs(t, e, context.DeadlineExceeded)
		assert.Contains(t, e.Error(), "nothing of the request was taken for "+uploadLimit.String())
		assert.Equal(t, 1, body.closed())
		assert.Zero(t, tr.Stats().InUse)
	})
}

// A peer that takes little, but something in time, gets all the time it needs.
func TestUploadThatIsTakenSlowly(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 256<<10)
		for {
			n, err := io.ReadFull(r.Body, piece)
			if n == 0 && err != nil {
				return
			}
			pause(uploadLimit - time.Second)
		}
	})
	uploading(t, handler, func(t *testing.T, tr *transport.Transport, url string) {
		began := time.Now()
		exchange(t, tr, unbounded(t, http.MethodPost, url, bytes.NewReader(make([]byte, large))))
		assert.Greater(t, time.Since(began), 10*uploadLimit)
	})
}

// thinking is a body whose owner takes long to say more.
type thinking struct{ left int }

func (b *thinking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.left--
	pause(time.Hour)
	return copy(p, "thought"), nil
}

// The limit is for the peer: a request's owner may take its time.
func TestUploadWhoseOwnerThinks(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	uploading(t, handler, func(t *testing.T, tr *transport.Transport, url string) {
		_, answer := exchange(t, tr, unbounded(t, http.MethodPost, url, &thinking{left: 3}))
		assert.Equal(t, "thoughtthoughtthought", answer)
	})
}

// Who answers without taking the request has answered: what it says next may take
// as long as an answer may.
func TestUploadThatIsAnsweredUntaken(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		for range 10 {
			_, _ = io.WriteString(w, "no")
			_ = http.NewResponseController(w).Flush()
			pause(uploadLimit - time.Second)
		}
	})
	uploading(t, handler, func(t *testing.T, tr *transport.Transport, url string) {
		resp, answer := exchange(t, tr, unbounded(t, http.MethodPost, url, bytes.NewReader(make([]byte, large))))
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		assert.Equal(t, "nononononononononono", answer)
		assert.Zero(t, tr.Stats().InUse)
	})
}

// On HTTP/2 only the stream that is stuck ends; the others share its connection and
// go on.
func TestUploadThatIsNotTakenLeavesOthersAlone(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			untaken(w, r)
		case http.MethodGet:
			part(1, 0).ServeHTTP(w, r)
		}
	})
	uploading(t, handler, func(t *testing.T, tr *transport.Transport, url string) {
		resp := half(t, tr, unbounded(t, http.MethodGet, url, nil))
		defer resp.Body.Close()
		before := tr.Stats().Conns
		e := refused(t, tr, unbounded(t, http.MethodPost, url, bytes.NewReader(make([]byte, large))))
		assert.Equal(t, transport.PhaseSend, e.Phase)
		if resp.ProtoMajor == 2 {
			assert.Equal(t, before, tr.Stats().Conns)
		}
		exchange(t, tr, unbounded(t, http.MethodPut, url+"/fine", nil))
	})
}
