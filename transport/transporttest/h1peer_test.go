package transporttest_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

func newH1Peer(t *testing.T, config transporttest.H1PeerConfig) *transporttest.H1Peer {
	t.Helper()
	peer, err := transporttest.NewH1Peer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, peer.Close()) })
	return peer
}

func quiet(s transporttest.PeerStats) bool { return s.Open == 0 }

// plainAndTLS runs a test with and without a CA.
func plainAndTLS(t *testing.T, run func(t *testing.T, ca *transporttest.CA)) {
	t.Run("plain", func(t *testing.T) { run(t, nil) })
	t.Run("TLS", func(t *testing.T) { run(t, newCA(t)) })
}

// upload is larger than all buffers on the way, and no type that net/http knows.
func upload() io.Reader { return io.LimitReader(zeros{}, 64<<20) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestH1PeerOfTheZeroConfigAnswers200(t *testing.T) {
	peer := newH1Peer(t, transporttest.H1PeerConfig{})
	client := newClient(t, "", nil)
	for range 3 {
		resp, err := client.Post(peer.URL(), "text/plain", strings.NewReader("ten bytes!"))
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Empty(t, body)
		require.NoError(t, resp.Body.Close())
	}
	assert.Equal(t, transporttest.PeerStats{Accepted: 1, Open: 1, Peak: 1, Requests: 3, Data: 30}, peer.Stats())
	assert.Equal(t, "http://"+peer.Addr(), peer.URL())
}

func TestH1PeerAnswersAsItIsTold(t *testing.T) {
	plainAndTLS(t, func(t *testing.T, ca *transporttest.CA) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := io.WriteString(w, "hello")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		peer := newH1Peer(t, transporttest.H1PeerConfig{CA: ca, Hosts: []string{"api.test"}, Serve: func(x *transporttest.H1Exchange) {
			body, err := x.ReadBody()
			assert.NoError(t, err)
			assert.Equal(t, "question", string(body))
			x.Answer(203, http.Header{"Content-Encoding": {"gzip"}, "Content-Length": {"99"}}, packed.String())
		}})
		client := newClient(t, "", ca)
		client.Transport.(*http.Transport).DisableCompression = true
		resp, err := client.Post(peer.URL(), "text/plain", strings.NewReader("question"))
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, 203, resp.StatusCode)
		assert.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
		assert.EqualValues(t, packed.Len(), resp.ContentLength)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, packed.Bytes(), body)
		assert.Equal(t, 1, peer.Requests())
		assert.EqualValues(t, len("question"), peer.Data())
		if ca != nil {
			conn := tls.Client(dial(t, peer.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: "api.test", NextProtos: []string{"h2", "http/1.1"}})
			require.NoError(t, conn.HandshakeContext(bounded(t)))
			assert.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol)
		}
	})
}

func TestH1PeerWritesWhatIsNoAnswer(t *testing.T) {
	peer := newH1Peer(t, transporttest.H1PeerConfig{Serve: func(x *transporttest.H1Exchange) {
		_, err := io.WriteString(x, "this is no HTTP\r\n\r\n")
		assert.NoError(t, err)
	}})
	conn := dial(t, peer.Addr())
	send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	expect(t, conn, "this is no HTTP\r\n\r\n")
}

// An upload that nobody reads does not get on, and the peer has read nothing of it.
func TestH1PeerHangs(t *testing.T) {
	plainAndTLS(t, func(t *testing.T, ca *transporttest.CA) {
		hung := make(chan struct{})
		peer := newH1Peer(t, transporttest.H1PeerConfig{CA: ca, Serve: func(x *transporttest.H1Exchange) {
			close(hung)
			x.Hang()
		}})
		failed, client := make(chan error, 1), newClient(t, "", ca)
		go func() {
			resp, err := client.Post(peer.URL(), "text/plain", upload())
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		<-hung
		select {
		case err := <-failed:
			require.Fail(t, "the upload ended", "%v", err)
		case <-time.After(50 * time.Millisecond): // to see nothing happen takes a while
		}
		assert.Zero(t, peer.Data())
		peer.CloseConnections()
		require.Error(t, <-failed)
		assert.Zero(t, peer.Open())
	})
}

// The endings of a connection, as a client sees them.
func TestH1PeerEndsConnections(t *testing.T) {
	// As TLS 1.3 writes any alert, close_notify too: 2 bytes, their type and the seal.
	alert := []byte{23, 3, 3, 0, 2 + 1 + 16}
	plainAndTLS(t, func(t *testing.T, ca *transporttest.CA) {
		for name, c := range map[string]struct {
			end    func(*transporttest.H1Exchange)
			reset  bool
			notify bool // under TLS
		}{
			"Close": {end: (*transporttest.H1Exchange).Close, notify: true},
			"Cut":   {end: (*transporttest.H1Exchange).Cut},
			"Reset": {end: (*transporttest.H1Exchange).Reset, reset: true},
		} {
			t.Run(name, func(t *testing.T) {
				peer := newH1Peer(t, transporttest.H1PeerConfig{CA: ca, Serve: func(x *transporttest.H1Exchange) {
					_, _ = x.ReadBody()
					c.end(x)
					assert.Error(t, x.Context().Err())
				}})
				heard := &hearing{Conn: dial(t, peer.Addr())}
				var conn net.Conn = heard
				if ca != nil {
					conn = tls.Client(conn, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
				}
				_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				_, err = io.ReadAll(conn)
				assert.Equal(t, c.reset, errors.Is(err, syscall.ECONNRESET), "%v", err)
				if ca != nil && !c.reset {
					whole := heard.all.Bytes()
					last := whole[len(whole)-len(alert)-int(alert[4]):]
					assert.Equal(t, c.notify, bytes.HasPrefix(last, alert))
				}
				_ = conn.Close()
				require.NoError(t, peer.Wait(bounded(t), quiet))
				assert.Equal(t, 1, peer.Requests())
			})
		}
	})
}

// hearing remembers what was read.
type hearing struct {
	net.Conn
	all bytes.Buffer
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.all.Write(p[:n])
	return n, err
}

// Drain notices that the client has gone; a client that asks for the end gets it.
func TestH1PeerNoticesTheEnd(t *testing.T) {
	peer := newH1Peer(t, transporttest.H1PeerConfig{Serve: func(x *transporttest.H1Exchange) {
		if x.Request.URL.Path == "/silent" {
			x.Drain()
			return
		}
		x.Answer(204, nil, "")
	}})
	conn := dial(t, peer.Addr())
	send(t, conn, "POST /silent HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsomething")
	require.NoError(t, conn.Close())
	require.NoError(t, peer.Wait(bounded(t), func(s transporttest.PeerStats) bool { return s.Requests == 1 && s.Open == 0 }))

	conn = dial(t, peer.Addr())
	send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	assert.Contains(t, rest(t, conn), "204 No Content")
	require.NoError(t, conn.Close())
	require.NoError(t, peer.Wait(bounded(t), quiet))
	assert.Equal(t, 2, peer.Requests())
	assert.Equal(t, 2, peer.Accepted())
}

func TestH1PeerCloseEndsEverything(t *testing.T) {
	entered := make(chan struct{})
	left := false // written before Close returns, or the race detector says so
	peer := newH1Peer(t, transporttest.H1PeerConfig{Serve: func(x *transporttest.H1Exchange) {
		close(entered)
		x.Hang()
		left = true
	}})
	conn := dial(t, peer.Addr())
	send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	require.NoError(t, peer.Close())
	assert.True(t, left)
	require.NoError(t, peer.Close(), "once more")
	_, err := newClient(t, "", nil).Get(peer.URL())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}
