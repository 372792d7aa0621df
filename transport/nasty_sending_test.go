package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A POST without GetBody on a connection that turns out to be dead is sent again if
// no byte of it was written, and not if one was.
func nastyIdleConnection(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams[:2] {
		for _, partial := range []int{0, 1} {
			t.Run(up.name+map[int]string{0: " nothing written", 1: " something written"}[partial], func(t *testing.T) {
				var hits atomic.Int64
				server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					hits.Add(1)
					_, _ = w.Write(body)
				}))
				dialer := &spoiledDialer{base: new(net.Dialer), partial: partial}
				tr := newTransport(t, transport.Config{TLS: trust(ca), Dialer: dialer})
				get(t, tr, server.URL())
				dialer.spoil()

				body := &recorder{Reader: strings.NewReader("a question")}
				req := newRequest(t, http.MethodPost, server.URL(), body)
				require.Nil(t, req.GetBody)
				if partial == 0 || up.secure {
					// Part of a TLS record is nothing that the endpoint could read.
					_, answer := exchange(t, tr, req)
					assert.Equal(t, "a question", answer)
					assert.Equal(t, int64(2), hits.Load())
				} else {
					e := refused(t, tr, req)
					assert.Equal(t, transport.SentYes, e.Sent)
					assert.Equal(t, transport.PhaseSend, e.Phase)
					require.ErrorIs(t, e, errReset)
					assert.Equal(t, int64(1), hits.Load())
				}
				eventuallyClosed(t, body)
				assert.Zero(t, tr.Stats().InUse)
			})
		}
	}
}

// A request that the endpoint has read before it hung up is never sent again, whatever
// its method and on whatever connection.
func nastyReadThenCut(t *testing.T) {
	ca := newCA(t)
	h1 := func(x *transporttest.H1Exchange) {
		_, _ = x.ReadBody()
		if x.Request.URL.Path == "/good" {
			x.Answer(http.StatusOK, nil, "good")
			return
		}
		x.Close()
	}
	h2 := func(s *transporttest.H2Stream) {
		_, _ = s.ReadBody()
		if s.Path() == "/good" {
			s.Answer(http.StatusOK, nil, "good")
			return
		}
		s.Close()
	}
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		if !up.secure && (route == "http" || route == "https") {
			return // the proxy answers 502 in the endpoint's place
		}
		for _, reused := range []bool{false, true} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				peer := up.startPeer(t, ca, h1, h2)
				config, _ := through(t, route, transport.Config{TLS: trust(ca), Retries: 3, FallbackToDirect: true})
				tr := newTransport(t, config)
				if reused {
					get(t, tr, peer.URL()+"/good")
				}
				before := peer.Stats()
				req := posting(t, peer.URL()+"/die")
				req.Method = method
				e := refused(t, tr, req)
				assert.NotEqual(t, transport.SentNo, e.Sent)
				assert.Equal(t, transport.PhaseWait, e.Phase, "%v", e)
				assert.Equal(t, up.h2, e.HTTP2)
				require.NoError(t, peer.Wait(bounded(t), noPeerConns))
				after := peer.Stats()
				assert.Equal(t, 1, after.Requests-before.Requests, "exactly one hit")
				assert.Equal(t, int64(len("a question")), after.Data-before.Data)
				assert.Zero(t, tr.Stats().InUse)
			}
		}
	})
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An upload that the peer does not read ends after the limit, and nothing of it stays
// behind. On HTTP/2 the other streams of the connection do not suffer.
func nastyUpload(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			given := make(chan struct{})
			peer := up.startPeer(t, ca, func(x *transporttest.H1Exchange) {
				select {
				case <-given:
				case <-x.Context().Done():
				}
				x.Drain() // to notice that the client has gone
			}, func(s *transporttest.H2Stream) {
				if s.Method() == http.MethodGet {
					s.Answer(http.StatusOK, nil, "alive")
					return
				}
				<-s.Context().Done()
				close(given)
			})
			tr := newTransport(t, transport.Config{TLS: trust(ca), BodyIdleTimeout: brief, Retries: 3, FallbackToDirect: true})
			if up.h2 {
				peer.(*transporttest.H2Peer).SetFault(transporttest.H2FaultNoWindow)
				get(t, tr, peer.URL())
			}
			body := &recorder{Reader: endless{}}
			began := time.Now()
			e := refused(t, tr, newRequest(t, http.MethodPost, peer.URL(), body))
			assert.GreaterOrEqual(t, time.Since(began), brief)
			assert.Less(t, time.Since(began), patience/2)
			assert.Equal(t, transport.PhaseSend, e.Phase, "%v", e)
			assert.Contains(t, []transport.Sent{transport.SentYes, transport.SentUnknown}, e.Sent)
			assert.True(t, e.Timeout())
			require.ErrorIs(t, e, context.DeadlineExceeded)
			assert.Contains(t, e.Error(), "nothing of the request was taken for "+brief.String())
			eventuallyClosed(t, body)
			assert.Zero(t, tr.Stats().InUse)
			if up.h2 {
				<-given // its stream was reset
				_, answer := get(t, tr, peer.URL())
				assert.Equal(t, "alive", answer)
				assert.Equal(t, 2, peer.Stats().Accepted, "what the peer does not take would stop other uploads too")
				assert.Equal(t, 3, peer.Stats().Requests)
				assert.Equal(t, 1, tr.Stats().Conns)
				return
			}
			close(given)
			require.NoError(t, peer.Wait(bounded(t), noPeerConns))
			assert.Equal(t, 1, peer.Stats().Requests)
		})
	}
}

// A body that says nothing ends after the limit, with the same error for ever and on
// every protocol. The limit is for the endpoint: a caller may think between two reads
// for as long as it likes.
func nastyBody(t *testing.T) {
	for limit, config := range map[time.Duration]transport.Config{
		600 * time.Second: {}, // the default
		7 * time.Second:   {BodyIdleTimeout: 7 * time.Second},
	} {
		said := make(map[string]bool)
		t.Run("stall for "+limit.String(), func(t *testing.T) {
			inBubble(t, part(3, limit-time.Second), config, func(t *testing.T, tr *transport.Transport, url string) {
				e := stalled(t, tr, url, limit)
				said[strings.ReplaceAll(e.Error(), e.Addr, "")] = true
			})
		})
		assert.Len(t, said, 1, "not the same on every protocol: %v", said)
	}
	t.Run("slow consumer", func(t *testing.T) {
		inBubble(t, text(strings.Repeat("x", 1000)), transport.Config{BodyIdleTimeout: time.Second}, func(t *testing.T, tr *transport.Transport, url string) {
			resp, err := tr.RoundTrip(unbounded(t, http.MethodGet, url, nil))
			require.NoError(t, err)
			read := 0
			for err == nil {
				pause(time.Hour)
				var n int
				n, err = resp.Body.Read(make([]byte, 100))
				read += n
			}
			require.Equal(t, io.EOF, err)
			assert.Equal(t, 1000, read)
			require.NoError(t, resp.Body.Close())
		})
	})
}

// stalled reads three pieces that come in time, waits for a fourth, and returns the
// error of every Read after that.
func stalled(t *testing.T, tr *transport.Transport, url string, limit time.Duration) *transport.Error {
	t.Helper()
	resp, err := tr.RoundTrip(unbounded(t, http.MethodGet, url, nil))
	require.NoError(t, err)
	buffer := make([]byte, 100)
	for range 3 {
		n, err := resp.Body.Read(buffer)
		require.NoError(t, err)
		assert.Equal(t, "piece", string(buffer[:n]))
	}
	began := time.Now()
	n, err := resp.Body.Read(buffer)
	assert.Zero(t, n)
	assert.Equal(t, limit, time.Since(began))
	first := typed(t, err)
	assert.Equal(t, transport.PhaseBody, first.Phase)
	assert.Equal(t, transport.SentYes, first.Sent)
	assert.True(t, first.Timeout())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), "nothing came for "+limit.String())
	assert.Zero(t, tr.Stats().InUse)
	for range 3 {
		pause(time.Hour)
		_, err = resp.Body.Read(buffer)
		require.EqualError(t, err, first.Error())
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoError(t, resp.Body.Close())
	assert.Zero(t, tr.Stats().InUse)
	return first
}

// An answer that came compressed though nobody asked is decoded. Who named the coding
// gets the very bytes; a meter then decodes a copy of its own, and sees the same.
func nastyCompression(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		for _, coding := range []string{"gzip", "deflate"} {
			format := map[string]string{"gzip": "gzip", "deflate": "zlib"}[coding]
			raw := string(packed(t, format, plainText))
			header := http.Header{"Content-Encoding": {coding}}
			peer := up.startPeer(t, ca,
				func(x *transporttest.H1Exchange) { x.Answer(http.StatusOK, header, raw) },
				func(s *transporttest.H2Stream) { s.Answer(http.StatusOK, header, raw) })
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			for _, asked := range []string{"", "identity", coding, "br, " + coding + ";q=0.5"} {
				t.Run(up.name+" "+coding+" asked "+asked, func(t *testing.T) {
					req := newRequest(t, http.MethodGet, peer.URL(), nil)
					if asked != "" {
						req.Header.Set("Accept-Encoding", asked)
					}
					named := strings.Contains(asked, coding)
					resp, body := exchange(t, tr, req)
					if named {
						assert.Equal(t, raw, body)
						assert.Equal(t, coding, resp.Header.Get("Content-Encoding"))
					} else {
						assert.JSONEq(t, plainText, body)
						assert.Empty(t, resp.Header.Get("Content-Encoding"))
						assert.Empty(t, resp.Header.Get("Content-Length"))
						assert.EqualValues(t, -1, resp.ContentLength)
					}
					assert.Equal(t, !named, resp.Uncompressed)
					assert.JSONEq(t, plainText, metered(t, resp, body))
				})
			}
		}
	}
}

// metered is what a meter makes of a body that a caller got: Decode for a copy, over
// a request that asks for no coding.
func metered(t *testing.T, resp *http.Response, body string) string {
	t.Helper()
	copied := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{Header: resp.Header, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
	_, seen := get(t, transport.Chain(copied, transport.Decode(nil)), "http://copy.test/")
	return seen
}
