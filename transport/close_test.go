package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func newPool(t *testing.T) *pool.Pool {
	t.Helper()
	p := pool.New(pool.Config{})
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// ownership runs a test with a pool of the Transport's own and with a shared one.
func ownership(t *testing.T, run func(t *testing.T, config transport.Config)) {
	t.Run("own pool", func(t *testing.T) { run(t, transport.Config{}) })
	t.Run("shared pool", func(t *testing.T) { run(t, transport.Config{Pool: newPool(t)}) })
}

// Close ends requests at once, wherever they are, with ErrClosed; and takes no more.
func TestClose(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			ownership(t, func(t *testing.T, config transport.Config) {
				arrived := make(chan struct{})
				server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/half" {
						holding(w, r)
					}
					silence(func() { close(arrived) }).ServeHTTP(w, r)
				}))
				config.TLS, config.FallbackToDirect, config.Retries = trust(ca), true, 3
				tr := newTransport(t, config)
				streaming := half(t, tr, newRequest(t, http.MethodGet, server.URL()+"/half", nil))
				waiting := make(chan error, 1)
				body := &recorder{Reader: strings.NewReader("x")}
				req := newRequest(t, http.MethodPost, server.URL(), body)
				go func() {
					resp, err := tr.RoundTrip(req)
					if err == nil {
						_ = resp.Body.Close()
					}
					waiting <- err
				}()
				<-arrived
				require.NoError(t, tr.Close())

				err := <-waiting
				require.ErrorIs(t, err, transport.ErrClosed)
				assert.NotEqual(t, transport.SentNo, typed(t, err).Sent)
				eventuallyClosed(t, body)
				_, err = io.ReadAll(streaming.Body)
				require.ErrorIs(t, err, transport.ErrClosed)
				assert.Equal(t, transport.PhaseBody, typed(t, err).Phase)
				require.NoError(t, streaming.Body.Close())

				late := &recorder{Reader: strings.NewReader("x")}
				e := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), late))
				require.ErrorIs(t, e, transport.ErrClosed)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, server.Addr(), e.Addr)
				assert.NotZero(t, late.closed())
				assert.Contains(t, e.Error(), server.Addr())

				require.NoError(t, tr.Close(), "once more")
				assert.Zero(t, tr.Stats().InUse)
				if config.Pool == nil || !up.h2 {
					require.NoError(t, server.Wait(bounded(t), nothingOpen))
				}
			})
		})
	}
}

// Closing one Transport on a shared pool ends its own requests and nobody else's;
// the connections stay for the others.
func TestCloseOnASharedPool(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			finish := make(chan struct{})
			server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				select {
				case <-finish:
					_, _ = io.WriteString(w, " whole")
				case <-r.Context().Done():
					panic(http.ErrAbortHandler)
				}
			}))
			shared, roots := newPool(t), trust(ca)
			mine := newTransport(t, transport.Config{Pool: shared, TLS: roots})
			theirs := newTransport(t, transport.Config{Pool: shared, TLS: roots})
			ours := half(t, mine, newRequest(t, http.MethodGet, server.URL(), nil))
			other := half(t, theirs, newRequest(t, http.MethodGet, server.URL(), nil))
			assert.Equal(t, 1, shared.Stats().Agents, "equal settings share an agent")
			assert.Equal(t, 2, shared.Stats().InUse)

			require.NoError(t, mine.Close())
			_, err := io.ReadAll(ours.Body)
			require.ErrorIs(t, err, transport.ErrClosed)
			require.NoError(t, ours.Body.Close())
			close(finish)
			rest, err := io.ReadAll(other.Body)
			require.NoError(t, err)
			assert.Equal(t, " whole", string(rest))
			require.NoError(t, other.Body.Close())
			before := server.Accepted()
			_, body := get(t, theirs, server.URL())
			assert.Equal(t, "half whole", body)
			assert.Equal(t, before, server.Accepted(), "on the connection that was there")
			mine.CloseIdleConnections() // not its own
			assert.Equal(t, 1, shared.Stats().Conns)
		})
	}
}

// Shutdown lets requests finish, and takes no new ones meanwhile.
func TestShutdown(t *testing.T) {
	ownership(t, func(t *testing.T, config transport.Config) {
		finish := make(chan struct{})
		server := upstreams[0].start(t, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-finish
			_, _ = io.WriteString(w, " whole")
		}))
		tr := newTransport(t, config)
		resp := half(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
		done := make(chan error, 1)
		ctx := bounded(t)
		go func() { done <- tr.Shutdown(ctx) }()
		require.Eventually(t, func() bool {
			resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, "http://"+server.Addr()+"/new", nil))
			if err == nil {
				_ = resp.Body.Close()
			}
			return err != nil
		}, patience, pollEvery, "new requests are still taken")
		select {
		case err := <-done:
			require.Fail(t, "Shutdown did not wait", "%v", err)
		default:
		}
		close(finish)
		rest, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, " whole", string(rest))
		require.NoError(t, resp.Body.Close())
		require.NoError(t, <-done)
		require.NoError(t, tr.Shutdown(ctx), "once more")
	})
}

func TestShutdownThatTakesTooLong(t *testing.T) {
	ownership(t, func(t *testing.T, config transport.Config) {
		server := upstreams[0].start(t, nil, holding)
		tr := newTransport(t, config)
		resp := half(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, tr.Shutdown(ctx), context.Canceled)
		_, err := io.ReadAll(resp.Body)
		require.ErrorIs(t, err, transport.ErrClosed, "what is left is closed")
		require.NoError(t, resp.Body.Close())
	})
}

// A connection that was handed over by a 101 is a request under way like any other.
func TestCloseEndsUpgradedConnections(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams[:2] {
		t.Run(up.name, func(t *testing.T) {
			ownership(t, func(t *testing.T, config transport.Config) {
				server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					conn, buffered, err := w.(http.Hijacker).Hijack()
					if err != nil {
						panic(err)
					}
					defer conn.Close()
					fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
					_, _ = io.Copy(conn, buffered)
				}))
				config.TLS = trust(ca)
				tr := newTransport(t, config)
				req := newRequest(t, http.MethodGet, server.URL(), nil)
				req.Header.Set("Connection", "Upgrade")
				req.Header.Set("Upgrade", "echo")
				resp, err := tr.RoundTrip(req)
				require.NoError(t, err)
				require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
				assert.Equal(t, 1, tr.Stats().Conns)
				require.NoError(t, tr.Close())
				_, err = resp.Body.Read(make([]byte, 1))
				require.ErrorIs(t, err, transport.ErrClosed)
				require.NoError(t, server.Wait(bounded(t), nothingOpen))
				_ = resp.Body.Close() // it was closed under us
			})
		})
	}
}

// CloseIdleConnections leaves those that serve a request alone.
func TestCloseIdleConnections(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/half" {
					holding(w, r)
				}
			}))
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			resp := half(t, tr, newRequest(t, http.MethodGet, server.URL()+"/half", nil))
			get(t, tr, server.URL())
			tr.Client().CloseIdleConnections()
			assert.Equal(t, 1, tr.Stats().Conns)
			require.NoError(t, server.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Open == 1 }))
			require.NoError(t, resp.Body.Close())
			tr.CloseIdleConnections()
			require.NoError(t, server.Wait(bounded(t), nothingOpen))
		})
	}
}
