package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

func TestTrailersPass(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "a body")
			w.Header().Set("X-Sum", "42 "+r.Trailer.Get("X-Asked"))
		}))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		req := newRequest(t, http.MethodPost, server.URL(), struct{ io.Reader }{strings.NewReader("a question")})
		req.Trailer = http.Header{"X-Asked": {"yes"}}
		resp, body := exchange(t, newTransport(t, config), req)
		assert.Equal(t, "a body", body)
		assert.Equal(t, "42 yes", resp.Trailer.Get("X-Sum"))
	})
}

func TestHEADPasses(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1234")
		}))
		config, r := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		for range 3 {
			resp, body := exchange(t, tr, newRequest(t, http.MethodHead, server.URL(), nil))
			assert.Equal(t, int64(1234), resp.ContentLength)
			assert.Empty(t, body)
		}
		if r == nil {
			assert.Equal(t, 1, server.Accepted())
		} else {
			assert.Equal(t, 1, r.Accepted())
		}
		assert.Zero(t, tr.Stats().InUse)
	})
}

// An answer that has no body holds nothing, even if nobody closes it.
func TestAnswersWithoutBodyAreOver(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams[:2] {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			for range 3 {
				resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
				require.NoError(t, err)
				assert.Equal(t, http.NoBody, resp.Body)
				assert.Zero(t, tr.Stats().InUse)
			}
			assert.Equal(t, 1, server.Accepted())
		})
	}
}

func TestInformationalAnswersPass(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			_, _ = io.WriteString(w, "final")
		}))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		var seen []string
		req := newRequest(t, http.MethodGet, server.URL(), nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				seen = append(seen, fmt.Sprint(code, " ", header.Get("Link")))
				return nil
			},
		}))
		resp, body := exchange(t, newTransport(t, config), req)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, "final", body)
		assert.Equal(t, []string{"103 </style.css>", "102 </style.css>"}, seen)
	})
}

// Expect: 100-continue holds the body back until the endpoint wants it.
func TestExpectContinuePasses(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/no" {
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusExpectationFailed)
				return
			}
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		ask := func(path string) (*http.Response, string, *recorder) {
			body := &recorder{Reader: strings.NewReader("a question")}
			req := newRequest(t, http.MethodPost, server.URL()+path, body)
			req.ContentLength = int64(len("a question"))
			req.Header.Set("Expect", "100-continue")
			resp, answer := exchange(t, tr, req)
			return resp, answer, body
		}
		resp, answer, body := ask("/yes")
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, "a question", answer)
		eventuallyClosed(t, body)

		resp, _, body = ask("/no")
		assert.Equal(t, http.StatusExpectationFailed, resp.StatusCode)
		eventuallyClosed(t, body)
		if absolute := !up.secure && (route == "http" || route == "https"); absolute {
			return // the connection to the proxy stays open, and so the body has to follow
		}
		body.mu.Lock()
		defer body.mu.Unlock()
		assert.Zero(t, body.reads, "the body was not wanted")
	})
}

// After 101 the body is a connection: what is written goes to the endpoint. Over
// TLS the endpoint also speaks HTTP/2, which knows no 101: HTTP/1.1 is chosen for
// such a request.
func TestUpgradesPass(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		if !up.secure && (route == "http" || route == "https") {
			return // absolute form: Upgrade is for the next hop, and the kit's proxy upgrades nothing
		}
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, buffered, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
			_, _ = io.Copy(conn, buffered)
		}))
		config, r := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		ctx, cancel := context.WithCancel(t.Context())
		req := newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
		assert.Equal(t, "websocket", resp.Header.Get("Upgrade"))
		assert.Same(t, req, resp.Request)
		conn, ok := resp.Body.(io.ReadWriteCloser)
		require.True(t, ok, "the body of a 101 is written to")
		cancel() // the request is over; the connection is not
		for _, said := range []string{"one", "two"} {
			_, err = io.WriteString(conn, said)
			require.NoError(t, err)
			heard := make([]byte, len(said))
			_, err = io.ReadFull(conn, heard)
			require.NoError(t, err)
			assert.Equal(t, said, string(heard))
		}
		assert.Equal(t, 1, tr.Stats().InUse)
		server.CloseConnections()
		_, err = io.ReadAll(conn)
		require.NotErrorIs(t, err, context.Canceled)
		require.NoError(t, conn.Close())
		assert.Zero(t, tr.Stats().InUse)
		assert.Zero(t, tr.Stats().Conns)
		require.NoError(t, server.Wait(bounded(t), nothingOpen))
		if r != nil {
			require.NoError(t, r.Wait(bounded(t), nothingOpen))
		}
	})
}

// eventuallyClosed waits for a request's body to be closed, which net/http may do
// after it has answered.
func eventuallyClosed(t *testing.T, body *recorder) {
	t.Helper()
	require.Eventually(t, func() bool { return body.closed() > 0 }, patience, pollEvery, "the body stays open")
}
