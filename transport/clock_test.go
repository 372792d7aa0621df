package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

// inBubble runs a test against a server without a network for each kind of endpoint,
// with a clock of its own.
func inBubble(t *testing.T, handler http.Handler, config transport.Config, run func(t *testing.T, tr *transport.Transport, url string)) {
	t.Helper()
	inBubbleOver(t, handler, config, func(conn net.Conn) net.Conn { return conn }, run)
}

// inBubbleOver is inBubble over connections that the test makes worse.
func inBubbleOver(t *testing.T, handler http.Handler, config transport.Config, worse func(net.Conn) net.Conn, run func(t *testing.T, tr *transport.Transport, url string)) {
	t.Helper()
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, stop := serveMemory(t, up, ca, handler)
				defer stop()
				config.TLS = trust(ca)
				config.Dialer = &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
					if ctx.Value(stuckDial{}) != nil {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					conn, err := server.DialContext(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					return worse(conn), nil
				}}
				tr, err := transport.New(config)
				require.NoError(t, err)
				run(t, tr, server.url)
				require.NoError(t, tr.Close())
			})
		})
	}
}

// pause is a wait by the bubble's clock.
func pause(d time.Duration) { <-time.After(d) }

func unbounded(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	return req
}

// part sends so many pieces, with a wait between them, and then nothing more until
// the client goes.
func part(pieces int, wait time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			_, _ = io.WriteString(w, "piece")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
			}
		}
		<-r.Context().Done()
	})
}

func TestNegativeTimeoutsMeanNone(t *testing.T) {
	const long = 48 * time.Hour
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pause(long)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		pause(long)
		_, _ = io.WriteString(w, "late")
	})
	config := transport.Config{ConnectTimeout: -1, HeaderTimeout: -1, BodyIdleTimeout: -1}
	inBubble(t, handler, config, func(t *testing.T, tr *transport.Transport, url string) {
		resp, err := tr.RoundTrip(unbounded(t, http.MethodGet, url, nil))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "late", string(body))
		require.NoError(t, resp.Body.Close())
	})
}

// The answer's head has to come in time, from the request's last byte on.
func TestHeaderTimeout(t *testing.T) {
	for limit, config := range map[time.Duration]transport.Config{
		600 * time.Second: {Retries: 3, FallbackToDirect: true}, // the default
		7 * time.Second:   {HeaderTimeout: 7 * time.Second},
	} {
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		inBubble(t, handler, config, func(t *testing.T, tr *transport.Transport, url string) {
			const upload = 5 * time.Second
			began := time.Now()
			e := refused(t, tr, unbounded(t, http.MethodPost, url, &slowReader{after: upload}))
			assert.Equal(t, limit+upload, time.Since(began))
			assert.Equal(t, transport.PhaseWait, e.Phase)
			assert.NotEqual(t, transport.SentNo, e.Sent)
			assert.True(t, e.Timeout())
			assert.NotErrorIs(t, e, context.Canceled)
			assert.Contains(t, e.Error(), "no answer from memory.test")
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

// slowReader gives one byte, and its end only later.
type slowReader struct {
	after time.Duration
	given bool
}

func (r *slowReader) Read(p []byte) (int, error) {
	if !r.given {
		r.given = true
		return copy(p, "x"), nil
	}
	pause(r.after)
	return 0, io.EOF
}

// DNS, dial, proxy handshake and TLS share one budget of 30 seconds.
func TestConnectTimeout(t *testing.T) {
	silent := &dialerFunc{func(context.Context, string, string) (net.Conn, error) {
		here, _ := memoryPipe()
		return here, nil
	}}
	stuck := &dialerFunc{func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	cases := []struct {
		name, proxy string
		dialer      *dialerFunc
		phase       transport.Phase
	}{
		{"dial", "", stuck, transport.PhaseDialTarget},
		{"TLS", "", silent, transport.PhaseTargetTLS},
		{"dial of the proxy", "socks5://proxy", stuck, transport.PhaseDialProxy},
		{"TLS of the proxy", "https://proxy", silent, transport.PhaseProxyTLS},
		{"socks5", "socks5://proxy", silent, transport.PhaseProxyHandshake},
		{"socks4a", "socks4a://proxy", silent, transport.PhaseProxyConnect},
		{"CONNECT", "http://proxy", silent, transport.PhaseProxyConnect},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := transport.Config{Dialer: c.dialer, Retries: 3}
				if c.proxy != "" {
					config.Proxy = parse(t, c.proxy)
				}
				tr, err := transport.New(config)
				require.NoError(t, err)
				began := time.Now()
				e := refused(t, tr, unbounded(t, http.MethodPost, "https://api.example.com", strings.NewReader("x")))
				assert.Equal(t, 30*time.Second, time.Since(began), "once, not once for each try")
				assert.Equal(t, c.phase.String(), e.Phase.String())
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, "api.example.com:443", e.Addr)
				assert.True(t, e.Timeout())
				require.NoError(t, tr.Close())
			})
		})
	}
}

// A connection that serves nobody is closed after a minute.
func TestIdleConnectionsAreClosedAfterAMinute(t *testing.T) {
	inBubble(t, text("ok"), transport.Config{}, func(t *testing.T, tr *transport.Transport, url string) {
		ask := func() {
			_, err := callBody(tr, unbounded(t, http.MethodGet, url, nil))
			require.NoError(t, err)
		}
		ask()
		pause(59 * time.Second)
		assert.Equal(t, 1, tr.Stats().Conns)
		ask() // that counts anew
		pause(59 * time.Second)
		assert.Equal(t, 1, tr.Stats().Conns)
		pause(2 * time.Second)
		assert.Zero(t, tr.Stats().Conns)
		ask()
		assert.Equal(t, 1, tr.Stats().Conns)
	})
}

func callBody(rt http.RoundTripper, req *http.Request) (string, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// lingering is a connection that closes as sockets do: the peer learns of it first,
// and what the peer says then can still be read.
type lingering struct{ *memoryConn }

func (l lingering) Close() error {
	l.out.end()
	l.in.waitEnd()
	return nil
}

// A body that we end ourselves must not look whole, though the endpoint, told of the
// end, may finish it as if nothing had happened.
func TestBodyThatWeEndDoesNotLookWhole(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done() // and returns, so that the server ends the body properly
	})
	reason := errors.New("the user went home")
	for name, c := range map[string]struct {
		end  func(tr *transport.Transport, cancel context.CancelCauseFunc)
		want error
	}{
		"idle":   {func(*transport.Transport, context.CancelCauseFunc) {}, context.DeadlineExceeded},
		"cancel": {func(_ *transport.Transport, cancel context.CancelCauseFunc) { cancel(reason) }, reason},
		"Close":  {func(tr *transport.Transport, _ context.CancelCauseFunc) { _ = tr.Close() }, transport.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, stop := serveMemory(t, upstreams[0], nil, handler)
				defer stop()
				tr, err := transport.New(transport.Config{Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := server.DialContext(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					return lingering{conn.(*memoryConn)}, nil
				}}})
				require.NoError(t, err)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				resp := half(t, tr, unbounded(t, http.MethodGet, server.url, nil).WithContext(ctx))
				read := make(chan error, 1)
				go func() {
					_, err := io.ReadAll(resp.Body)
					read <- err
				}()
				synctest.Wait()
				c.end(tr, cancel)
				err = <-read
				require.ErrorIs(t, err, c.want)
				assert.Equal(t, transport.PhaseBody, typed(t, err).Phase)
				require.NoError(t, resp.Body.Close())
				require.NoError(t, tr.Close())
			})
		})
	}
}
