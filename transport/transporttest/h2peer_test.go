package transporttest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport/transporttest"
)

func newH2Peer(t *testing.T, config transporttest.H2PeerConfig) *transporttest.H2Peer {
	t.Helper()
	if config.CA == nil {
		config.CA = newCA(t)
	}
	peer, err := transporttest.NewH2Peer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, peer.Close()) })
	return peer
}

// newH2Client is net/http's own client of HTTP/2.
func newH2Client(t *testing.T, ca *transporttest.CA) *http.Client {
	t.Helper()
	client := newClient(t, "", ca)
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	return client
}

func TestH2PeerWithoutAScriptAnswers200(t *testing.T) {
	ca := newCA(t)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca})
	client := newH2Client(t, ca)
	for range 3 {
		resp, err := client.Post(peer.URL(), "text/plain", strings.NewReader("ten bytes!"))
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, 2, resp.ProtoMajor)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Empty(t, body)
		require.NoError(t, resp.Body.Close())
	}
	require.NoError(t, peer.Wait(bounded(t), func(s transporttest.PeerStats) bool { return s.Data == 30 }))
	assert.Equal(t, transporttest.PeerStats{Accepted: 1, Open: 1, Peak: 1, Requests: 3, Data: 30}, peer.Stats())
	assert.Equal(t, "https://"+peer.Addr(), peer.URL())
}

func TestH2PeerConfigThatCannotBe(t *testing.T) {
	_, err := transporttest.NewH2Peer(transporttest.H2PeerConfig{})
	require.Error(t, err)
	_, err = transporttest.NewH2Peer(transporttest.H2PeerConfig{CA: newCA(t), Fault: 99})
	require.ErrorContains(t, err, "H2Fault(99)")
	for fault, name := range map[transporttest.H2Fault]string{
		transporttest.H2FaultNone: "none", transporttest.H2FaultNoWindow: "no window",
		transporttest.H2FaultNoPong: "no pong", transporttest.H2FaultSilent: "silent",
	} {
		assert.Equal(t, name, fault.String())
	}
}

// A script sees the request and answers piece by piece.
func TestH2PeerServesStreams(t *testing.T) {
	ca := newCA(t)
	large := strings.Repeat("x", 100<<10)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Hosts: []string{"api.test"}, Serve: func(s *transporttest.H2Stream) {
		assert.Equal(t, 1, s.Number())
		assert.Equal(t, 1, s.Conn())
		assert.Equal(t, uint32(1), s.ID())
		assert.Equal(t, http.MethodPost, s.Method())
		assert.Equal(t, "/path?x=1", s.Path())
		assert.Equal(t, []string{"yes"}, s.Header()["X-Asked"])
		body, err := s.ReadBody()
		assert.NoError(t, err)
		assert.Equal(t, large+large, string(body), "more than the first windows hold")
		s.Begin(201, http.Header{"X-Answer": {"a", "b"}})
		s.Data("one ")
		s.Data(large)
		assert.NoError(t, s.Ping(bounded(t)))
		s.End()
	}})
	req, err := http.NewRequest(http.MethodPost, peer.URL()+"/path?x=1", strings.NewReader(large+large))
	require.NoError(t, err)
	req.Header.Set("X-Asked", "yes")
	resp, err := newH2Client(t, ca).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, 201, resp.StatusCode)
	assert.Equal(t, []string{"a", "b"}, resp.Header["X-Answer"])
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "one "+large, string(body))
	assert.EqualValues(t, 2*len(large), peer.Data())

	conn := tls.Client(dial(t, peer.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: "api.test", NextProtos: []string{"h2"}})
	require.NoError(t, conn.HandshakeContext(bounded(t)))
}

// Who speaks something else is hung up on.
func TestH2PeerSpeaksHTTP2Only(t *testing.T) {
	ca := newCA(t)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca})
	for name, offered := range map[string][]string{"nothing offered": nil, "HTTP/1.1 offered": {"http/1.1"}} {
		t.Run(name, func(t *testing.T) {
			conn := tls.Client(dial(t, peer.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", NextProtos: offered})
			_, err := io.WriteString(conn, "GET /a-path-that-is-long-enough HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			n, err := conn.Read(make([]byte, 1))
			assert.Zero(t, n)
			require.Error(t, err)
			require.NoError(t, peer.Wait(bounded(t), quiet))
		})
	}
	assert.Zero(t, peer.Requests())
}

func TestH2PeerResets(t *testing.T) {
	ca := newCA(t)
	ended := make(chan error, 1)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
		s.Reset(http2.ErrCodeInternal)
		_, err := s.ReadBody()
		ended <- errors.Join(err, s.Context().Err())
	}})
	_, err := newH2Client(t, ca).Post(peer.URL(), "text/plain", upload())
	require.Error(t, err)
	var reset http2.StreamError
	require.ErrorAs(t, err, &reset)
	assert.Equal(t, http2.ErrCodeInternal, reset.Code)
	err = <-ended
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, err, context.Canceled)
}

// A client that gives up ends its stream's context, before and after it has sent all.
func TestH2PeerNoticesAClientThatGivesUp(t *testing.T) {
	ca := newCA(t)
	for name, body := range map[string]func() io.Reader{
		"waiting": func() io.Reader { return nil },
		"sending": func() io.Reader { r, _ := io.Pipe(); return r },
	} {
		t.Run(name, func(t *testing.T) {
			entered, left := make(chan struct{}), make(chan error, 1)
			peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
				close(entered)
				<-s.Context().Done()
				left <- s.Ping(bounded(t)) // the connection lives
			}})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-entered
				cancel()
			}()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, peer.URL(), body())
			require.NoError(t, err)
			_, err = newH2Client(t, ca).Do(req)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, <-left)
			assert.Equal(t, 1, peer.Open())
		})
	}
}

func TestH2PeerGoesAwayAndCloses(t *testing.T) {
	ca := newCA(t)
	first := make(chan *transporttest.H2Stream, 1)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
		switch s.Number() {
		case 1:
			s.Begin(200, nil)
			s.GoAway(s.ID(), http2.ErrCodeNo)
			first <- s
		case 2:
			s.Answer(200, nil, "second")
		default:
			s.Close()
		}
	}})
	client := newH2Client(t, ca)
	resp, err := client.Get(peer.URL())
	require.NoError(t, err)
	defer resp.Body.Close()
	s := <-first
	require.NoError(t, s.Ping(bounded(t)), "the GOAWAY was read before")
	_, body := get(t, client, peer.URL())
	assert.Equal(t, "second", body)
	assert.Equal(t, 2, peer.Accepted())
	s.Data("first") // after Serve has returned
	s.End()
	whole, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "first", string(whole))

	_, err = client.Post(peer.URL(), "text/plain", nil)
	require.Error(t, err)
	require.NoError(t, peer.Wait(bounded(t), quiet))
	require.ErrorIs(t, s.Ping(bounded(t)), net.ErrClosed)
}

func TestH2PeerWithSettings(t *testing.T) {
	ca := newCA(t)
	const limit = 2
	arrived := make(chan *transporttest.H2Stream, 2*limit+1)
	peer := newH2Peer(t, transporttest.H2PeerConfig{
		CA: ca, Settings: []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: limit}},
		Serve: func(s *transporttest.H2Stream) { arrived <- s },
	})
	client := newH2Client(t, ca)
	var wg sync.WaitGroup
	ask := func() {
		resp, err := client.Get(peer.URL())
		if assert.NoError(t, err) {
			resp.Body.Close()
		}
	}
	wg.Go(ask) // alone, so that the client knows the setting
	held := []*transporttest.H2Stream{<-arrived}
	require.NoError(t, held[0].Ping(bounded(t)))
	for range 2 * limit {
		wg.Go(ask)
		held = append(held, <-arrived)
	}
	streams := make(map[int]int)
	for _, s := range held {
		streams[s.Conn()]++
		s.Answer(200, nil, "")
	}
	wg.Wait()
	assert.Equal(t, limit, streams[1], "the client has not heard of the setting")
}

// An upload stalls where the first window ends; other streams go on.
func TestH2FaultNoWindow(t *testing.T) {
	ca := newCA(t)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Fault: transporttest.H2FaultNoWindow, Serve: func(s *transporttest.H2Stream) {
		if s.Method() == http.MethodGet {
			s.Answer(200, nil, "alive")
		}
	}})
	client := newH2Client(t, ca)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, peer.URL(), upload())
		if err != nil {
			panic(err)
		}
		_, err = client.Do(req)
		failed <- err
	}()
	const window = 65_535
	require.NoError(t, peer.Wait(bounded(t), func(s transporttest.PeerStats) bool { return s.Data == window }))
	_, body := get(t, client, peer.URL())
	assert.Equal(t, "alive", body)
	assert.EqualValues(t, window, peer.Data())
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
}

// Pings are what tells, and they alone where requests are answered.
func TestH2FaultsThatPingsFind(t *testing.T) {
	for _, fault := range []transporttest.H2Fault{transporttest.H2FaultNoPong, transporttest.H2FaultSilent} {
		t.Run(fault.String(), func(t *testing.T) {
			ca := newCA(t)
			streams := make(chan *transporttest.H2Stream, 3)
			peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
				if s.Path() == "/wait" {
					streams <- s
					return
				}
				s.Answer(200, nil, "ok")
			}})
			client := newH2Client(t, ca)
			client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Millisecond, PingTimeout: 50 * time.Millisecond}
			get(t, client, peer.URL())
			failed := make(chan error, 1)
			go func() {
				_, err := client.Post(peer.URL()+"/wait", "text/plain", nil)
				failed <- err
			}()
			s := <-streams
			peer.SetFault(fault)
			if fault == transporttest.H2FaultSilent {
				s.Answer(200, nil, "lost")
			}
			require.Error(t, <-failed)
			require.NoError(t, peer.Wait(bounded(t), quiet))

			peer.SetFault(transporttest.H2FaultNone)
			_, body := get(t, client, peer.URL())
			assert.Equal(t, "ok", body)
			assert.Equal(t, 2, peer.Accepted())
		})
	}
}

func TestH2PeerPingEndsWithItsContext(t *testing.T) {
	ca := newCA(t)
	result := make(chan error, 1)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(assert.AnError)
		result <- s.Ping(ctx)
		s.Answer(200, nil, "")
	}})
	get(t, newH2Client(t, ca), peer.URL())
	require.ErrorIs(t, <-result, assert.AnError)
}

func TestH2PeerCloseEndsEverything(t *testing.T) {
	ca := newCA(t)
	const streams = 5
	var (
		mu   sync.Mutex
		left int // under no lock when it is read: Close has waited
	)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
		<-s.Context().Done()
		mu.Lock()
		defer mu.Unlock()
		left++
	}})
	client := newH2Client(t, ca)
	failed := make(chan error, streams)
	for range streams {
		go func() {
			_, err := client.Post(peer.URL(), "text/plain", nil)
			failed <- err
		}()
	}
	require.NoError(t, peer.Wait(bounded(t), func(s transporttest.PeerStats) bool { return s.Requests == streams }))
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() { assert.NoError(t, peer.Close()) })
	}
	closers.Wait()
	assert.Equal(t, streams, left)
	assert.Zero(t, peer.Open())
	for range streams {
		require.Error(t, <-failed)
	}
	peer.SetFault(transporttest.H2FaultSilent) // harmless
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(assert.AnError)
	require.ErrorIs(t, peer.Wait(ctx, func(s transporttest.PeerStats) bool { return s.Open > 0 }), assert.AnError)
}
