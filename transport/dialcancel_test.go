package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// Twenty callers that give up on a proxy that hangs leave nothing behind: no
// connection, no goroutine (nasty case 4).
func TestDialerCancelLeavesNothingBehind(t *testing.T) {
	const callers = 20
	for _, kind := range []transporttest.FaultKind{transporttest.FaultHang, transporttest.FaultHangConnect} {
		for _, scheme := range schemes {
			t.Run(kind.String()+"/"+scheme, func(t *testing.T) {
				r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: kind}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failures := make(chan error, callers)
				for range callers {
					go func() {
						_, err := r.dialer.DialContext(ctx, "tcp", "10.99.0.1:443")
						failures <- err
					}()
				}
				require.NoError(t, r.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Open == callers }))
				cancel()
				for range callers {
					err := <-failures
					e := typed(t, err)
					require.ErrorIs(t, err, context.Canceled)
					assert.False(t, e.Timeout())
					assert.Equal(t, transport.SentNo, e.Sent)
					assert.Greater(t, e.Phase, transport.PhaseUnknown)
					assert.LessOrEqual(t, e.Phase, transport.PhaseProxyConnect)
					assert.False(t, transport.DefaultFallback(e), "the caller has gone")
				}
				require.NoError(t, r.Wait(bounded(t), nothingOpen))
			})
		}
	}
}

// The reason that a caller gave for giving up is found in the error.
func TestDialerCancelCause(t *testing.T) {
	reason := errors.New("the user went home")
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				_ = r.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 1 })
				cancel(reason)
			}()
			_, err := r.dialer.DialContext(ctx, "tcp", "10.99.0.1:443")
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, reason)
		})
	}
}

// The same through a Transport, where dials belong to the agent: they end with it,
// and with the connect budget.
func TestTransportCancelWhileTheProxyHangs(t *testing.T) {
	const callers = 20
	for _, scheme := range schemes {
		for _, url := range []string{"http://10.99.0.1/", "https://10.99.0.1/"} {
			t.Run(scheme+" "+url, func(t *testing.T) {
				r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
				tr := newTransport(t, transport.Config{
					Proxy: r.dialer.Proxy, ProxyTLS: r.dialer.TLS, ConnectTimeout: brief,
				})
				// An http proxy is sent the request for an http endpoint itself: it hangs later.
				absolute := scheme == "http" && strings.HasPrefix(url, "http:")
				ctx, cancel := context.WithCancelCause(t.Context())
				reason := errors.New("the user went home")
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
						if !assert.NoError(t, err) {
							return
						}
						resp, err := tr.RoundTrip(req)
						if !assert.Error(t, err) {
							_ = resp.Body.Close()
							return
						}
						var e *transport.Error
						if assert.ErrorAs(t, err, &e) {
							if !absolute {
								assert.Equal(t, transport.SentNo, e.Sent)
							}
							assert.True(t, errors.Is(err, context.Canceled) || e.Timeout(), "%v", err)
						}
						if errors.Is(err, context.Canceled) {
							assert.ErrorIs(t, err, reason)
						}
					})
				}
				require.NoError(t, r.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Open > 0 }))
				cancel(reason)
				wg.Wait()
				if absolute { // its connections stay, idle and of use to others
					require.NoError(t, tr.Close())
				}
				require.NoError(t, r.Wait(bounded(t), nothingOpen), "a dial outlived its budget")
			})
		}
	}
}

// Closing ends dials at once, however long their budget.
func TestCloseEndsDials(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
			tr := newTransport(t, transport.Config{Proxy: r.dialer.Proxy, ProxyTLS: r.dialer.TLS, ConnectTimeout: -1})
			failed := make(chan error, 1)
			req := newRequest(t, http.MethodGet, "https://10.99.0.1/", nil)
			go func() {
				resp, err := tr.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				failed <- err
			}()
			require.NoError(t, r.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Open == 1 }))
			require.NoError(t, tr.Close())
			err := <-failed
			require.ErrorIs(t, err, transport.ErrClosed)
			assert.Equal(t, transport.SentNo, typed(t, err).Sent)
			require.NoError(t, r.Wait(bounded(t), nothingOpen))
		})
	}
}

// proxy A → proxy B → target, over every pair of protocols, and whose fault it is
// when it fails.
func TestDialerChains(t *testing.T) {
	target := listen(t, echo)
	for _, first := range []string{"http", "https", "socks4", "socks5"} {
		for _, second := range []string{"http", "https", "socks4a", "socks5h"} {
			t.Run(first+" "+second, func(t *testing.T) {
				a, b := newRig(t, first, transporttest.ProxyConfig{User: "anna"}), newRig(t, second, transporttest.ProxyConfig{User: "bert"})
				b.dialer.Base = a.dialer
				conn, err := b.dialer.DialContext(t.Context(), "tcp", target)
				require.NoError(t, err)
				works(t, conn)
				require.NoError(t, conn.Close())
				assert.Equal(t, []string{b.Addr()}, a.Targets())
				assert.Equal(t, []string{target}, b.Targets())

				b.SetFault(transporttest.Fault{Kind: transporttest.FaultAnswer})
				_, err = b.dialer.DialContext(t.Context(), "tcp", target)
				e := typed(t, err)
				assert.Same(t, b.dialer.Proxy, e.Proxy)
				assert.Equal(t, target, e.Addr)
				assert.Equal(t, transport.PhaseProxyConnect, e.Phase)

				a.SetFault(transporttest.Fault{Kind: transporttest.FaultAnswer})
				_, err = b.dialer.DialContext(t.Context(), "tcp", target)
				e = typed(t, err)
				assert.Same(t, a.dialer.Proxy, e.Proxy)
				assert.Equal(t, b.Addr(), e.Addr)
				assert.Equal(t, transport.PhaseProxyConnect, e.Phase)
				require.NoError(t, a.Wait(bounded(t), nothingOpen))
				require.NoError(t, b.Wait(bounded(t), nothingOpen))
			})
		}
	}
}

func TestTransportOverAChain(t *testing.T) {
	ca := newCA(t)
	plain := newServer(t, transporttest.ServerConfig{Handler: text("plain")})
	secure := newServer(t, transporttest.ServerConfig{Handler: text("secure"), CA: ca, HTTP2: true})
	for _, second := range []string{"http", "https", "socks5"} {
		t.Run(second, func(t *testing.T) {
			a, b := newRig(t, "socks5", transporttest.ProxyConfig{}), newRig(t, second, transporttest.ProxyConfig{})
			tr := newTransport(t, transport.Config{
				Proxy: b.dialer.Proxy, ProxyTLS: b.dialer.TLS, TLS: trust(ca), Dialer: a.dialer,
			})
			_, body := get(t, tr, plain.URL())
			assert.Equal(t, "plain", body)
			_, body = get(t, tr, secure.URL())
			assert.Equal(t, "secure", body)
			assert.Equal(t, []string{b.Addr(), b.Addr()}, a.Targets())
			assert.Equal(t, []string{plain.Addr(), secure.Addr()}, b.Targets())

			// The first proxy of the chain is down: it is the one that is named.
			a.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
			a.CloseConnections()
			require.NoError(t, a.Wait(bounded(t), nothingOpen))
			e := refused(t, tr, newRequest(t, http.MethodGet, "http://10.99.0.1/", nil))
			assert.Same(t, a.dialer.Proxy, e.Proxy)
			assert.Equal(t, transport.PhaseDialProxy, e.Phase)
		})
	}
}

// A hang in the second of two proxies ends with the context as well.
func TestDialerCancelInAChain(t *testing.T) {
	a := newRig(t, "http", transporttest.ProxyConfig{})
	b := newRig(t, "socks5", transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
	b.dialer.Base = a.dialer
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	began := time.Now()
	conn, err := b.dialer.DialContext(ctx, "tcp", net.JoinHostPort("10.99.0.1", "1"))
	require.Nil(t, conn)
	e := typed(t, err)
	assert.Same(t, b.dialer.Proxy, e.Proxy)
	assert.True(t, e.Timeout())
	assert.Less(t, time.Since(began), patience/2)
	require.NoError(t, a.Wait(bounded(t), nothingOpen))
	require.NoError(t, b.Wait(bounded(t), nothingOpen))
}
